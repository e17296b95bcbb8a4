"""One account's breakers at work: they read, trip and keep causes at every step of the watch and every review."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from core.errors import ConfigError
from core.money import ONE
from core.time import show_time
from execution import incidents, latches
from execution.kill import KillSwitch
from execution.latches import Latch
from execution.readings import Sight, net_equity, readings
from execution.vitals import Vitals
from memory.books import accounts
from memory.books.baselines import begin_anew
from memory.books.words import IncidentKind
from risk import causes
from risk.breakers import Breaker, Trip, trips
from risk.causes import Cause
from risk.readings import ACCOUNT, EQUITY_READINGS, Reading, Readings
from risk.settings import RiskSettings
from risk.states import Standing, TradingState

_INCIDENTS = {
    Reading.MISMATCHES: IncidentKind.MISMATCH,
    Reading.IRREGULARITIES: IncidentKind.IRREGULARITY,
    Reading.MODEL_DRIFT: IncidentKind.MODEL_DRIFT,
}


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found: every reading, what newly tripped (which opens a new risk epoch), and what now holds."""

    readings: Readings
    tripped: tuple[Trip, ...]
    live: tuple[Cause, ...]
    venue: str

    def standing(self, symbol: str | None = None) -> Standing:
        """What is allowed for an order in a symbol; without one, for the account as a whole."""
        return causes.standing(self.live, symbol=symbol, venue=None if symbol is None else self.venue)


class Breakers:
    """Reads one account at one venue, under one policy."""

    def __init__(self, account_id: str, venue: str, policy: RiskSettings, vitals: Vitals, kill: KillSwitch) -> None:
        self._account_id = account_id
        self._venue = venue
        self._policy = policy
        self._vitals = vitals
        self._kill = kill

    @property
    def killed(self) -> bool:
        return self._kill()

    @property
    def policy(self) -> tuple[Breaker, ...]:
        return self._policy.breakers

    @property
    def max_age_s(self) -> int:
        """How overdue a price may be."""
        return self._policy.max_price_age_s

    def look(self, conn: Connection, seen: Sight, *, told: Sequence[Trip] = ()) -> Look:
        """Reads everything, and books what that changes. `told` is what a person trips by a word."""
        read = self._read(conn, seen)
        found = (*told, *self._trips(read))
        turn = latches.turn(conn, self._account_id, found, seen.now_ns)
        return Look(read, turn.tripped, turn.live, self._venue)

    def tripping(self, conn: Connection, seen: Sight) -> tuple[Trip, ...]:
        """Every breaker that holds, be it booked already. Nothing is written."""
        return self._trips(self._read(conn, seen))

    def halt(self, conn: Connection, seen: Sight, *, by: str, reason: str) -> Look:
        """The kill switch by command."""
        why = f"{reason} ({by})"
        told = [Trip(b, ACCOUNT, ONE, why) for b in self._policy.breakers if b.reads is Reading.KILL]
        return self.look(conn, seen, told=told)

    def standing(self, conn: Connection, now_ns: int, symbol: str | None = None) -> Standing:
        """What the books say is allowed, without another look."""
        venue = None if symbol is None else self._venue
        return latches.standing(conn, self._account_id, now_ns, symbol=symbol, venue=venue)

    def halts_anything(self, conn: Connection, now_ns: int) -> bool:
        """Whether the account, a venue or a symbol is halted."""
        live = latches.live(conn, self._account_id, now_ns)
        return any(latch.cause.state is TradingState.HALTED for latch in live)

    def rearm(self, conn: Connection, latch_id: int, seen: Sight, *, rebase: bool, by: str, reason: str) -> bool:
        """A person re-arms one latch, and has its reading begin anew where it would trip for ever.

        The floor under the start equity moves only when it is said so: `rebase`. False if there is no such latch;
        ConfigError where it would trip again at once.
        """
        latch = latches.find(conn, self._account_id, latch_id)
        if latch is None:
            return False
        if rebase and latch.cause.reads is not Reading.START_LOSS:
            raise ConfigError(f"a re-base moves the floor under the start equity; {_named(latch)} does not read it")
        latches.end(conn, self._account_id, latch, by=by, reason=reason, now_ns=seen.now_ns)
        if latch.cause.reads in _INCIDENTS:
            kind = _INCIDENTS[latch.cause.reads]
            incidents.close(conn, self._account_id, kind, reason=reason, now_ns=seen.now_ns, by=by)
        elif latch.cause.reads is Reading.LOSING_STREAK:
            begin_anew(conn, self._account_id, latch.cause.reads, seen.now_ns, None)
        elif latch.cause.reads in EQUITY_READINGS and (rebase or latch.cause.reads is not Reading.START_LOSS):
            self._measure_from_now(conn, latch, seen)
        self._must_be_well(conn, latch, seen)
        return True

    def _measure_from_now(self, conn: Connection, latch: Latch, seen: Sight) -> None:
        if seen.equity is None:
            raise ConfigError(f"{_named(latch)} cannot be measured from now: a held asset has no price")
        net = net_equity(conn, self._account_id, seen.equity)
        begin_anew(conn, self._account_id, latch.cause.reads, seen.now_ns, net)
        if latch.cause.reads is Reading.DRAWDOWN:
            accounts.restart_peak(conn, self._account_id, net)

    def _must_be_well(self, conn: Connection, latch: Latch, seen: Sight) -> None:
        for trip in self._trips(self._read(conn, seen)):
            if latch.cause.stands_for(trip):
                hint = "; --rebase measures from the equity of now" if trip.breaker.reads is Reading.START_LOSS else ""
                raise ConfigError(f"{_named(latch)} would trip again at once: {trip.detail}{hint}")

    def _trips(self, read: Readings) -> tuple[Trip, ...]:
        found = trips(read, self._policy.breakers)
        why = self._kill.reason if any(trip.breaker.reads is Reading.KILL for trip in found) else ""
        return tuple(replace(t, why=why) if t.breaker.reads is Reading.KILL else t for t in found)

    def _read(self, conn: Connection, seen: Sight) -> Readings:
        return readings(
            conn,
            self._account_id,
            seen,
            max_age_s=self._policy.max_price_age_s,
            venue=self._venue,
            vitals=self._vitals,
            killed=self._kill(),
        )


def _named(latch: Latch) -> str:
    return f"latch #{latch.latch_id} ({latch.cause.name}, since {show_time(latch.cause.tripped_ns)})"
