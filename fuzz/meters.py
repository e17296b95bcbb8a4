"""The oracle's own reading of what breakers read: losses, streaks, the line, and prices that cannot be trusted."""

from collections.abc import Mapping
from fractions import Fraction

from core.quotes import Quote
from fuzz.closures import DAY_NS, Read, Readings
from fuzz.holdings import Holdings
from fuzz.log import SECOND_NS, Log
from fuzz.sums import Limits
from fuzz.tape import Tape

_HOUR_NS = 3600 * SECOND_NS


class Meters:
    def __init__(self, tape: Tape, limits: Limits, holdings: Holdings, log: Log, venue: str) -> None:
        self._tape = tape
        self._limits = limits
        self._holdings = holdings
        self._log = log
        self._venue = venue
        self._marks: list[tuple[int, Fraction]] = []
        self._begun: dict[str, tuple[int, Fraction]] = {}
        self._peak = self._start = holdings.start

    def mark(self) -> None:
        net = self.net()
        if net is not None:
            self._marks.append((self._tape.now_ns, net))
            self._peak = max(self._peak, net)

    def begin_anew(self, reads: str, *, rebase: bool) -> None:
        """A person had one reading measured from now."""
        net = self.net()
        if reads == "losing_streak":
            self._begun[reads] = (self._tape.now_ns, Fraction(0))
        elif net is not None and (reads in ("day_loss", "loss_24h", "drawdown") or rebase):
            self._begun[reads] = (self._tape.now_ns, net)
            if reads == "drawdown":
                self._peak = net

    def readings(self, told: Mapping[str, Read]) -> Readings:
        """Of this moment; `told` is what somebody says."""
        net = self.net()
        streak_since = self._begun.get("losing_streak", (0, Fraction(0)))[0]
        whole: dict[str, Read] = {
            **{reads: None if net is None else self._lost(base, net) for reads, base in self._bases(net).items()},
            "losing_streak": Fraction(self._holdings.losing_streak(streak_since)),
            "equity_unknown": Fraction(net is None),
            "mismatches": Fraction(0),
            "irregularities": Fraction(0),
            "model_drift": Fraction(0),
            "clock_skew_s": Fraction(0),
            **told,
        }
        watched = {*self._holdings.positions, *(s.order.symbol for s in self._log.live())}
        quality: dict[str, dict[str, Read]] = {
            f"symbol:{s}": {"data_quality": Fraction(self._faults(s))} for s in sorted(watched)
        }
        return {"account": whole, f"venue:{self._venue}": self._line(), **quality}

    def usable(self, symbol: str) -> Quote | None:
        """A quote whose prices are prices."""
        quote = self._tape.quote(symbol, as_of_ns=self._tape.now_ns)
        if quote is None or not all(p.is_finite() and p > 0 for p in (quote.last, quote.bid, quote.ask)):
            return None
        return quote

    def equity(self) -> Fraction | None:
        prices = {s: None if (q := self.usable(s)) is None else Fraction(q.last) for s in self._holdings.positions}
        return self._holdings.worth(prices, self._tape.instruments)

    def net(self) -> Fraction | None:
        """Without later transfers."""
        equity = self.equity()
        return None if equity is None else equity - self._holdings.transferred

    def _line(self) -> dict[str, Read]:
        now_ns = self._tape.now_ns
        recent = [ns for ns in self._log.failed_ns if ns > now_ns - 60 * SECOND_NS]
        lately = [failed for ns, failed in self._log.calls if ns > now_ns - _HOUR_NS]
        rate = Fraction(lately.count(True), len(lately)) if lately else None
        return {"venue_failures": Fraction(len(recent)), "venue_failure_rate": (rate, len(lately))}

    def _bases(self, net: Fraction | None) -> dict[str, Fraction]:
        """What each loss is measured against."""
        now_ns = self._tape.now_ns
        start = self._begun.get("start_loss")
        return {
            "day_loss": self._since("day_loss", now_ns // DAY_NS * DAY_NS),
            "loss_24h": self._since("loss_24h", now_ns - DAY_NS),
            "start_loss": self._start if start is None else start[1],
            "drawdown": self._peak if net is None else max(self._peak, net),
        }

    def _since(self, reads: str, at_ns: int) -> Fraction:
        begun = self._begun.get(reads)
        if begun is not None and begun[0] >= at_ns:
            return begun[1]
        return next((net for ns, net in reversed(self._marks) if ns <= at_ns), self._start)

    def _lost(self, before: Fraction, now: Fraction) -> Fraction:
        """Of what could be lost: what was taken out since cannot."""
        at_stake = before - max(Fraction(0), -self._holdings.transferred)
        if now >= before:
            return Fraction(0)
        return min(Fraction(1), (before - now) / at_stake) if at_stake > 0 else Fraction(1)

    def _faults(self, symbol: str) -> int:
        quote = self.usable(symbol)
        if quote is None:
            return 1
        late_ns = self._tape.now_ns - quote.ts_event_ns - quote.cadence_ns
        return int(quote.bid > quote.ask) + int(late_ns > self._limits["max_price_age_s"] * SECOND_NS)
