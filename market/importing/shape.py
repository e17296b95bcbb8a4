"""The common shape of every import: what the operator said, what a file is, and what a reader made of it.

An importer is one line in `market.importing.table`: a name, how to know its files, and how to read one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.bars import Bars
from market.quality import QualityReport
from market.sources.intake import Tripwire
from market.sources.items import Reading, TextItem
from market.store.candles import BarsKey
from market.store.trades import Trade

if TYPE_CHECKING:
    from core.time import Timeframe
    from market.importing.opening import SourceFile


ANY_VENUE = ""  # where bars are read for their own sake, and nothing is stored under a venue


@dataclass(frozen=True, slots=True)
class Asked:
    """What the operator says about a file, where it does not say so itself. `volume` is in base or quote currency,
    `made_ns` when the file was made: a bar that closes later had not closed.
    `tripwire` says whether a text gives orders: without one no text is imported."""

    venue: str | None = None
    symbol: str | None = None
    timeframe: Timeframe | None = None
    timezone: str | None = None
    volume: str | None = None
    made_ns: int | None = None
    tripwire: Tripwire | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What one file held. `counts` has what was corrected or left out by kind, `notes` what a person should read.

    `rows` counts data rows as they stand in the file; the times are those of events (of bars: their opens).
    """

    dialect: str
    file: str
    sha256: str
    rows: int
    first_ns: int | None
    last_ns: int | None
    counts: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    bars: QualityReport | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """What one file became: candles, numbers, trades or texts, each with its known-at time, and the report."""

    report: Report
    candles: tuple[BarsKey, Bars] | None = None
    readings: tuple[Reading, ...] = ()
    trades: tuple[str, str, tuple[Trade, ...]] | None = None  # venue, symbol, trades
    texts: tuple[TextItem, ...] = ()
    lag_ns: int = 0


@dataclass(frozen=True, slots=True)
class Importer:
    """One kind of file. `knows` looks at name, columns and first lines alone; `read` raises DataRefused or returns."""

    name: str
    what: str  # for people: "Binance kline dumps, with and without header"
    knows: Callable[[SourceFile], bool]
    read: Callable[[SourceFile, Asked], Imported]
