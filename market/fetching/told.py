"""How a fetch goes, how far it is, and what it brought with everything that was not as it should be."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.time import SECOND_NS, show_time
from market.fetching.calling import Patience
from market.fetching.ranges import Range
from market.quality import Gap
from market.store.candles import Appended, BarsKey


@dataclass(frozen=True, slots=True)
class Pace:
    """How a fetch goes. `in_flight` pages wait for the limiter at a time; the last `again` candles are asked for again,
    since a venue may revise them; a candle counts as closed `grace_ns` after its close. What a kill may cost is
    `write_bars` candles or `write_s` seconds, whichever comes first."""

    in_flight: int = 12
    again: int = 5
    grace_ns: int = 2 * SECOND_NS
    write_bars: int = 50_000
    write_s: float = 2.0
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, slots=True)
class Progress:
    """`rows` of about `expected` are there after `elapsed_s`; 0 expected where nobody knows. `what` is a timeframe, or
    the kind of data."""

    symbol: str
    what: str
    rows: int
    expected: int
    elapsed_s: float

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """None as long as there is no rate."""
        return (self.expected - self.rows) / self.rate if self.rate else None


@dataclass(slots=True)
class Fetched:
    """What one fetch brought, and everything that was not as it should be."""

    key: BarsKey
    asked: Range
    stored: Appended = field(default_factory=Appended)
    bars: int = 0
    requests: int = 0
    retries: int = 0
    gaps: tuple[Gap, ...] = ()
    broken: tuple[int, ...] = ()  # opens of candles whose numbers cannot be; they are not stored
    repeated: int = 0
    reordered: int = 0
    skew_ns: int = 0  # the venue's clock minus ours
    unreachable: Range | None = None  # asked for, and the venue does not serve it
    first_ns: int | None = None  # where the venue's history begins, if that is after what was asked for

    @property
    def missing(self) -> int:
        return sum(gap.bars for gap in self.gaps)

    def notes(self) -> list[str]:
        """What a person should know, a sentence each."""
        found, name = [], f"{self.key.venue} {self.key.symbol} {self.key.timeframe}"
        if self.unreachable is not None:
            start, end = self.unreachable
            found.append(
                f"{name}: the venue serves only its newest candles; {show_time(start)} to {show_time(end)} cannot be"
                " fetched from it. Import them from a file"
            )
        if self.first_ns is not None:
            found.append(f"{name}: the venue's history begins at {show_time(self.first_ns)}")
        if self.gaps:
            longest = max(self.gaps, key=lambda gap: gap.bars)
            found.append(
                f"{name}: {self.missing} candles are missing at the venue in {len(self.gaps)} gaps, the longest of"
                f" {longest.bars} from {show_time(longest.start_ns)}"
            )
        if self.broken:
            found.append(
                f"{name}: {len(self.broken)} candles have numbers that cannot be and were left out, the first at"
                f" {show_time(self.broken[0])}"
            )
        if self.stored.revised:
            found.append(f"{name}: {self.stored.revised} candles were revised by the venue; both versions are kept")
        if abs(self.skew_ns) > SECOND_NS:
            found.append(f"{name}: the venue's clock differs from ours by {self.skew_ns / 1e9:+.1f} s")
        return found


@dataclass(slots=True)
class Brought:
    """What one fetch of numbers or trades brought, and everything that was not as it should be."""

    kind: str
    venue: str
    symbol: str
    asked: Range
    rows: int = 0  # that the venue has in the range, each once
    new: int = 0
    revised: int = 0
    requests: int = 0
    retries: int = 0
    repeated: int = 0
    broken: int = 0  # rows whose numbers cannot be; they are not stored
    missing: int = 0  # ids that the venue left out
    holes: tuple[Range, ...] = ()  # longer than this kind is ever silent
    skew_ns: int = 0  # the venue's clock minus ours
    unreachable: Range | None = None  # asked for, and the venue does not serve it

    @property
    def unchanged(self) -> int:
        return self.rows - self.new - self.revised

    def notes(self) -> list[str]:
        """What a person should know, a sentence each."""
        found, name = [], f"{self.venue} {self.symbol} {self.kind}"
        if self.unreachable is not None:
            start, end = self.unreachable
            found.append(f"{name}: the venue shows nothing from {show_time(start)} to {show_time(end)}")
        if self.holes:
            longest = max(self.holes, key=lambda hole: hole.end_ns - hole.start_ns)
            found.append(
                f"{name}: nothing is there in {len(self.holes)} stretches, the longest from"
                f" {show_time(longest.start_ns)} to {show_time(longest.end_ns)}"
            )
        if self.missing:
            found.append(f"{name}: {self.missing} trades are missing at the venue, by their ids")
        if self.broken:
            found.append(f"{name}: {self.broken} rows have numbers that cannot be and were left out")
        if self.revised:
            found.append(f"{name}: {self.revised} values were revised by the venue; both versions are kept")
        if abs(self.skew_ns) > SECOND_NS:
            found.append(f"{name}: the venue's clock differs from ours by {self.skew_ns / 1e9:+.1f} s")
        return found
