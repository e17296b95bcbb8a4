"""What becomes of a cause once its breaker has tripped: how long it lives, and what it leaves allowed meanwhile."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from core.time import DAY_NS, SECOND_NS
from risk.breakers import Breaker, Trip
from risk.readings import ACCOUNT, Reading, Scope
from risk.states import Kind, Standing, TradingState


@dataclass(frozen=True, slots=True)
class Cause:
    """One live cause. It keeps what it was tripped with: a policy that changes later neither loosens nor ends it.

    `until_ns` is None for a latch, the end of a window, and for a condition the end of its quiet period, counted from
    when it was last seen.
    """

    name: str
    scope: str
    reads: Reading
    state: TradingState
    caps: Decimal
    kind: Kind
    detail: str
    tripped_ns: int
    until_ns: int | None = None

    @classmethod
    def of(cls, trip: Trip, now_ns: int) -> "Cause":
        breaker = trip.breaker
        return cls(
            name=breaker.name,
            scope=trip.scope,
            reads=breaker.reads,
            state=breaker.state,
            caps=breaker.caps,
            kind=breaker.kind,
            detail=trip.detail,
            tripped_ns=now_ns,
            until_ns=_until(breaker, now_ns),
        )

    @property
    def sets(self) -> Standing:
        return Standing(self.state, self.caps)

    def stands_for(self, trip: Trip) -> bool:
        """Whether this trip is nothing new: the same breaker here, and no stricter or more lasting than it was."""
        breaker = trip.breaker
        same = (self.name, self.scope) == (trip.cause, trip.scope)
        return same and self.sets.as_strict_as(breaker.sets) and self.kind.endurance >= breaker.kind.endurance

    def is_over(self, now_ns: int) -> bool:
        """Whether its time is up; a condition that still holds is seen again before anybody asks."""
        return self.until_ns is not None and now_ns >= self.until_ns


@dataclass(frozen=True, slots=True)
class Turn:
    """What one look at the readings changed, and what is live after it.

    `seen` pairs each condition that still holds with what it is now.
    """

    tripped: tuple[Trip, ...]
    seen: tuple[tuple[Cause, Cause], ...]
    ended: tuple[Cause, ...]
    live: tuple[Cause, ...]


NO_TURN: Final = Turn((), (), (), ())


def turn(live: Sequence[Cause], found: Sequence[Trip], now_ns: int) -> Turn:
    """A latch stays, a window stays until its end, a condition until it has not been seen for its quiet period."""
    seen: list[tuple[Cause, Cause]] = []
    ended: list[Cause] = []
    kept: list[Cause] = []
    for cause in live:
        trip = next((trip for trip in found if cause.stands_for(trip)), None)
        if cause.kind is Kind.CONDITION and trip is not None:
            seen.append((cause, replace(cause, until_ns=max(cause.until_ns or 0, _until(trip.breaker, now_ns) or 0))))
        elif cause.is_over(now_ns):
            ended.append(cause)
        else:
            kept.append(cause)
    kept += [again for _, again in seen]
    fresh: list[Trip] = []
    for trip in found:
        if not any(cause.stands_for(trip) for cause in kept):
            fresh.append(trip)
            kept.append(Cause.of(trip, now_ns))
    return Turn(tuple(fresh), tuple(seen), tuple(ended), tuple(kept))


def standing(live: Iterable[Cause], *, symbol: str | None = None, venue: str | None = None) -> Standing:
    """What the causes leave allowed: account-wide, and where they are named for one symbol and one venue."""
    scopes = {ACCOUNT}
    if symbol is not None:
        scopes.add(Scope.SYMBOL.named(symbol))
    if venue is not None:
        scopes.add(Scope.VENUE.named(venue))
    return Standing.joined(cause.sets for cause in live if cause.scope in scopes)


def _until(breaker: Breaker, now_ns: int) -> int | None:
    if breaker.kind is Kind.LATCH:
        return None
    if breaker.window == "day":
        return (now_ns // DAY_NS + 1) * DAY_NS
    return now_ns + breaker.lasts_s * SECOND_NS
