"""A live or paper period beside its replay: every difference between the two, by kind, with what explains it.

The replay is of the same desk over the same window. What neither decided alike, nor filled alike, is listed; what the
two saw, held and were told says why.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from core.canonical import canonical_text
from core.errors import DataRefused
from core.money import ZERO
from core.time import SECOND_NS, show_time
from desk.lived import VIEWS, Decided, Lived, Wanted

if TYPE_CHECKING:
    from core.canonical import JSON

_SIZE: Final = Decimal("0.001")  # of a quantity: less is rounding
_PRICE: Final = Decimal("0.000001")  # of a price
_RATE: Final = Decimal("0.000001")  # of a fee's rate
_BPS: Final = Decimal(10_000)


class Kind(StrEnum):
    TIMING = "timing"  # decided in one alone, or much later
    SIGNAL = "signal"  # wanted in one alone, or of another size
    GATE = "gate"  # denied in one alone
    MISSED = "missed fill"
    PRICE = "price"
    FEE = "fee"


@dataclass(frozen=True, slots=True)
class Difference:
    """`live` and `replay` say what was there, `why` what explains it.

    `cost` is what it cost live more than in the replay, in quote currency, None where that cannot be told.
    """

    kind: Kind
    at_ns: int
    symbol: str
    live: str
    replay: str
    why: str
    cost: Decimal | None = None

    def told(self) -> JSON:
        return {
            "kind": self.kind.value,
            "at": show_time(self.at_ns),
            "symbol": self.symbol,
            "live": self.live,
            "replay": self.replay,
            "why": self.why,
            "cost": None if self.cost is None else float(self.cost),
        }


@dataclass(frozen=True, slots=True)
class Compared:
    """`decisions` were made in both within `from_ns` to `to_ns`, `alike` of them without a difference.

    `outside` counts decisions of either that lie outside the time that both lived through, and so say nothing.
    """

    live: Lived
    replay: Lived
    from_ns: int
    to_ns: int
    decisions: int
    alike: int
    outside: int
    differences: tuple[Difference, ...]

    @property
    def kinds(self) -> Mapping[Kind, int]:
        counted = Counter(one.kind for one in self.differences)
        return {kind: counted[kind] for kind in Kind}

    def cost(self, kind: Kind) -> Decimal:
        return sum((one.cost for one in self.differences if one.kind is kind and one.cost is not None), ZERO)


def compare(live: Lived, replay: Lived, *, within_ns: int) -> Compared:
    """Decisions belong to each other that are nearest, and at most `within_ns` apart.

    Raises DataRefused where the two have no time in common, or are one run.
    """
    if live.run_id == replay.run_id:
        raise DataRefused(f"both are run {live.run_id[:12]}: a run has no difference to itself")
    from_ns = max(one.decided[0].at_ns for one in (live, replay)) - within_ns
    to_ns = min(one.decided[-1].at_ns for one in (live, replay)) + within_ns
    ours, theirs = _inside(live.decided, from_ns, to_ns), _inside(replay.decided, from_ns, to_ns)
    if not ours or not theirs:
        spans = " and ".join(f"{_span(one)}" for one in (live, replay))
        raise DataRefused(f"the two have no time in common: {spans}")
    pairs = _paired([one.at_ns for one in ours], [one.at_ns for one in theirs], within_ns)
    found: list[Difference] = []
    alike = 0
    settings = "" if live.policy == replay.policy else "the settings of the two differ"
    for a, b in pairs:
        if a is None or b is None:
            found.append(_alone(ours[a] if a is not None else theirs[b or 0], live=a is not None, within_ns=within_ns))
            continue
        differ = list(_of_cycle(ours[a], theirs[b], settings, within_ns))
        alike += not differ
        found += differ
    orders = [[one for one in side.others if from_ns <= one.at_ns <= to_ns] for side in (live, replay)]
    found += _of_others(orders[0], orders[1], within_ns)
    outside = len(live.decided) + len(replay.decided) - len(ours) - len(theirs)
    both = sum(a is not None and b is not None for a, b in pairs)
    ordered = tuple(sorted(found, key=lambda one: (one.at_ns, one.symbol, one.kind)))
    return Compared(live, replay, from_ns, to_ns, both, alike, outside, ordered)


def _of_cycle(ours: Decided, theirs: Decided, settings: str, within_ns: int) -> Iterator[Difference]:
    mine, other = _by_side(ours.wanted), _by_side(theirs.wanted)
    for key in sorted({*mine, *other}):
        symbol = key[0]
        for a, b in _filled_up(mine.get(key, []), other.get(key, [])):
            at_ns = ours.at_ns
            if a is None or b is None or _apart(a.quantity, b.quantity) > _SIZE:
                why = _causes(ours, theirs, symbol, settings)
                yield Difference(Kind.SIGNAL, at_ns, symbol, _order(a), _order(b), why)
            if a is None or b is None:
                continue
            if a.denied != b.denied:
                why = f"denied by {', '.join((a if a.denied else b).codes) or 'a person'}"
                causes = _causes(ours, theirs, symbol, settings)
                yield Difference(Kind.GATE, at_ns, symbol, a.answer, b.answer, f"{why}; {causes}")
                continue
            yield from _of_fills(a, b, within_ns)


def _of_others(ours: Sequence[Wanted], theirs: Sequence[Wanted], within_ns: int) -> Iterator[Difference]:
    """Stops, instructions and persons: what came of them alone, since no cycle says why they were."""
    mine, other = _by_side(ours), _by_side(theirs)
    for key in sorted({*mine, *other}):
        a, b = mine.get(key, []), other.get(key, [])
        for i, j in _paired([one.at_ns for one in a], [one.at_ns for one in b], within_ns):
            if i is not None and j is not None:
                yield from _of_fills(a[i], b[j], within_ns)
                continue
            one = a[i] if i is not None else b[j or 0]
            if one.filled is not None:
                here, there = (_fill(one), "none") if i is not None else ("none", _fill(one))
                why = f"no such order {'in the replay' if i is not None else 'live'}: {one.why or 'it gave no reason'}"
                yield Difference(Kind.MISSED, one.at_ns, one.symbol, here, there, why)


def _of_fills(a: Wanted, b: Wanted, within_ns: int) -> Iterator[Difference]:
    at_ns, symbol = a.at_ns, a.symbol
    if a.filled is None and b.filled is None:
        return
    if a.filled is None or b.filled is None:
        one = a if a.filled is None else b
        why = f"{'live' if a.filled is None else 'in the replay'} it was {one.answer} and never filled"
        yield Difference(Kind.MISSED, at_ns, symbol, _fill(a), _fill(b), why)
        return
    if _apart(a.filled.quantity / a.quantity, b.filled.quantity / b.quantity) > _SIZE:
        shares = [f"{one.filled.quantity / one.quantity:.1%} of it" for one in (a, b) if one.filled is not None]
        yield Difference(Kind.MISSED, at_ns, symbol, _fill(a), _fill(b), f"filled {' and '.join(shares)}")
    waited = [one.filled.first_ns - one.at_ns for one in (a, b) if one.filled is not None]
    if abs(waited[0] - waited[1]) > within_ns:
        why = f"filled {_seconds(waited[0])} after it was wanted, {_seconds(waited[1])} in the replay"
        yield Difference(Kind.TIMING, at_ns, symbol, show_time(a.filled.first_ns), show_time(b.filled.first_ns), why)
    if _apart(a.filled.price, b.filled.price) > _PRICE:
        cost = a.side.sign * (a.filled.price - b.filled.price) * a.filled.quantity
        shown = (f"{a.filled.price:,.8g}", f"{b.filled.price:,.8g}")
        yield Difference(Kind.PRICE, at_ns, symbol, *shown, _price_causes(a, b, waited), cost)
    ours, theirs = a.filled.fee / a.filled.worth, b.filled.fee / b.filled.worth
    if abs(ours - theirs) > _RATE:
        cost = (ours - theirs) * a.filled.worth
        why = "the venue charged another rate than the replay was told"
        yield Difference(Kind.FEE, at_ns, symbol, f"{ours:.4%}", f"{theirs:.4%}", why, cost)


def _price_causes(a: Wanted, b: Wanted, waited: Sequence[int]) -> str:
    """The price that was seen, what the fills cost against it, and how long they took."""
    found = []
    if a.asked and b.asked and _apart(a.asked, b.asked) > _PRICE:
        moved = _bps(a.asked / b.asked - 1)
        found.append(f"the price asked for was {a.asked:,.8g}, {b.asked:,.8g} in the replay ({moved})")
    if a.slippage is not None and b.slippage is not None and abs(a.slippage - b.slippage) > _PRICE:
        found.append(f"slippage of {_bps(a.slippage)}, {_bps(b.slippage)} in the replay")
    if abs(waited[0] - waited[1]) >= SECOND_NS:
        found.append(f"filled {_seconds(waited[0])} after it was wanted, {_seconds(waited[1])} in the replay")
    return "; ".join(found) or "no price was seen with it"


def _causes(ours: Decided, theirs: Decided, symbol: str, settings: str) -> str:
    """What differed of all that a decision rests on, as far as its record tells."""
    found = [settings] if settings else []
    if ours.reasoner != theirs.reasoner:
        found.append(f"the reasoner was {ours.reasoner}, {theirs.reasoner} in the replay")
    seen, there = ours.markets.get(symbol), theirs.markets.get(symbol)
    if seen is None or there is None:
        found.append(f"{symbol} was not seen {'live' if seen is None else 'in the replay'}")
    else:
        found += _market_causes(seen, there)
    for name in VIEWS:
        one, other = _about(ours.views[name], symbol), _about(theirs.views[name], symbol)
        if canonical_text(one) != canonical_text(other):
            found.append(f"{name} said otherwise ({_said(one)}, {_said(other)} in the replay)")
    found += _account_causes(ours.account, theirs.account, symbol)
    return "; ".join(found) or "nothing that the records name"


def _market_causes(seen: JSON, there: JSON) -> Iterator[str]:
    if seen["last"] != there["last"]:
        yield f"the last price was {seen['last']}, {there['last']} in the replay"
    if seen["bars_digest"] != there["bars_digest"]:
        yield f"other bars were known ({seen['bars']}, {there['bars']} in the replay)"
    if len(seen["texts"]) != len(there["texts"]):
        yield f"{len(seen['texts'])} texts were known, {len(there['texts'])} in the replay"
    if seen["unfit"] != there["unfit"]:
        yield f"it was {seen['unfit'] or 'fit'}, {there['unfit'] or 'fit'} in the replay"


def _account_causes(ours: JSON, theirs: JSON, symbol: str) -> Iterator[str]:
    held, other = _held(ours, symbol), _held(theirs, symbol)
    if _apart(held, other) > _SIZE:
        yield f"{held:f} was held, {other:f} in the replay"
    if _apart(Decimal(ours["equity"]), Decimal(theirs["equity"])) > _SIZE:
        yield f"equity was {Decimal(ours['equity']):,.2f}, {Decimal(theirs['equity']):,.2f} in the replay"
    if ours["state"] != theirs["state"]:
        yield f"the desk was {ours['state']}, {theirs['state']} in the replay"


def _held(account: JSON, symbol: str) -> Decimal:
    return sum((Decimal(one["quantity"]) for one in account["positions"] if one["symbol"] == symbol), ZERO)


def _about(view: JSON, symbol: str) -> JSON:
    """What a view says of one symbol; of an abstention, all of it."""
    if not isinstance(view, dict):
        return view
    rows = [one for name in sorted(view) if isinstance(view[name], list) for one in view[name]]
    return [one for one in rows if isinstance(one, dict) and one.get("symbol") == symbol]


def _said(rows: JSON) -> str:
    for row in rows if isinstance(rows, list) else []:
        for name in ("stance", "score", "p_up", "reason"):
            if row.get(name) is not None:
                return f"{name} {row[name]}"
    return "no opinion"


def _alone(one: Decided, *, live: bool, within_ns: int) -> Difference:
    where = "in the replay" if live else "live"
    shown = f"{len(one.wanted)} order{'s' * (len(one.wanted) != 1)}"
    why = f"no decision {where} within {_seconds(within_ns)}"
    symbol = ", ".join(dict.fromkeys(each.symbol for each in one.wanted))
    return Difference(Kind.TIMING, one.at_ns, symbol, shown if live else "none", "none" if live else shown, why)


def _paired(ours: Sequence[int], theirs: Sequence[int], within: int) -> list[tuple[int | None, int | None]]:
    """Places that belong together, in order of time: the nearest first, each once; None where nobody is near."""
    near = sorted((abs(a - b), i, j) for i, a in enumerate(ours) for j, b in _near(theirs, a, within))
    mine: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in near:
        if i not in mine and j not in taken:
            mine[i] = j
            taken.add(j)
    alone = [(None, j) for j in range(len(theirs)) if j not in taken]
    return [*((i, mine.get(i)) for i in range(len(ours))), *alone]


def _near(times: Sequence[int], at: int, within: int) -> Iterator[tuple[int, int]]:
    first = bisect_left(times, at - within)
    for j in range(first, len(times)):
        if times[j] > at + within:
            return
        yield j, times[j]


def _filled_up(ours: Sequence[Wanted], theirs: Sequence[Wanted]) -> Iterator[tuple[Wanted | None, Wanted | None]]:
    for k in range(max(len(ours), len(theirs))):
        yield ours[k] if k < len(ours) else None, theirs[k] if k < len(theirs) else None


def _by_side(wanted: Sequence[Wanted]) -> dict[tuple[str, str], list[Wanted]]:
    found: dict[tuple[str, str], list[Wanted]] = {}
    for one in wanted:
        found.setdefault((one.symbol, one.side.value), []).append(one)
    return found


def _inside(decided: Sequence[Decided], from_ns: int, to_ns: int) -> list[Decided]:
    return [one for one in decided if from_ns <= one.at_ns <= to_ns]


def _span(one: Lived) -> str:
    return f"{one.account_id} from {show_time(one.decided[0].at_ns)} to {show_time(one.decided[-1].at_ns)}"


def _apart(one: Decimal, other: Decimal) -> Decimal:
    """As a fraction of the larger."""
    larger = max(abs(one), abs(other))
    return abs(one - other) / larger if larger else ZERO


def _order(one: Wanted | None) -> str:
    return "none" if one is None else f"{one.side.value} {one.quantity:f}"


def _fill(one: Wanted) -> str:
    return "none" if one.filled is None else f"{one.side.value} {one.filled.quantity:f} at {one.filled.price:,.8g}"


def _bps(fraction: Decimal) -> str:
    return f"{fraction * _BPS:.1f} bps"


def _seconds(ns: int) -> str:
    return f"{ns / SECOND_NS:,.1f} s"
