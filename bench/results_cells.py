"""The cells of docs/backtests.md, as JSON: a strategy walked forward, the whole desk, and a desk with news to read."""

from __future__ import annotations

import asyncio
import math
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from backtest.curves import curve_of, total_return
from backtest.ranges import ranges
from backtest.replays import replay_of
from backtest.summary import summarised, told
from backtest.walking import Walk, walk
from core.bars import Bars
from core.canonical import JSON
from core.time import DAY_NS, HOUR_NS, Timeframe, parse_time
from desk.compute import Here
from desk.home import Home
from desk.markets import MarketSpec, Stored
from desk.rehearsal import Rehearsal
from desk.runs import RunCommand, open_run
from desk.settings import parse
from market.aggregate import aggregate
from market.importing.loading import load_candles
from memory.books import blobs, records
from memory.books.records import Run
from memory.books.words import RecordKind
from models.validation.trials import TrialsOnDisk
from risk.ceilings import MAX_REPEATS
from tools.simulation.grid import grid
from tools.simulation.outcome import Outcome
from tools.simulation.settings import Terms, tiers_of

if TYPE_CHECKING:
    from core.bars import FloatArray

DESK, NEWS = "desk", "news"
MARKETS = ("BTC/USDT", "ETH/USDT")
SPAN = ("2018-01-01", "2022-10-11")
TIMEFRAME, EVERY_NS = Timeframe.H4, 4 * HOUR_NS
FOLDS = 5
# Few sets each, chosen before anything was run, around what is published for each.
STRATEGIES: Mapping[str, tuple[str, ...]] = {
    "trend": ("fast=10:50:10", "slow=60:200:35", "adx_exit=0,20"),
    "reversion": ("period=20,40,80", "deviations=1.5:3:0.5", "oversold=25,30,35", "stop=0.05,0.1"),
    "breakout": ("enter=20,55,110", "leave=10,20,55", "chandelier=3,6"),
    "composite": ("enter=250,500,1000", "leave=0.5,50", "stop=0.05,0.1"),
}
# What one account may do: all of equity in one position; the same under the loss tiers of the standard policy, latches
# re-armed after a day or never; and under its caps as well.
LIMITS = ("plain", "tiers", "tiers, never re-armed", "caps and tiers")
REARMS: Mapping[str, int | None] = {"never": None, "24h": DAY_NS, "7d": 7 * DAY_NS}


@dataclass(frozen=True)
class Reading:
    """Months of which both candles and news are at hand: files below `../shared/data`, and as what they are imported.

    Perpetuals of which no funding is known are traded as if they were spot: the gate would deny every entry.
    """

    span: tuple[str, str]
    files: tuple[tuple[str, ...], ...]
    symbols: tuple[str, ...]


_XRP, _LINK = (f"ohlcv/binance_perp_{coin}USDT_1h_2020_2024.csv.gz" for coin in ("XRP", "LINK"))
_SPOT = ((_XRP, "--symbol", "XRP/USDT"), (_LINK, "--symbol", "LINK/USDT"))
_LATER = ("news/cryptonews_2024-03_2024-05-01.csv.gz", "--timezone", "UTC")
_BNB = (("ohlcv/binance_perp_BNBUSDT_1h_2024.parquet",), ("funding/binance_perp_BNBUSDT_funding_8h_2024.feather",))
READINGS: Mapping[str, Reading] = {
    "XRP and LINK, 2023": Reading(
        ("2023-01-05", "2023-08-31"),
        (*_SPOT, ("news/gnews_crypto_2023-01_2023-08.jsonl.gz",)),
        ("XRP/USDT", "LINK/USDT"),
    ),
    "XRP and LINK, 2024": Reading(("2024-03-06", "2024-04-30"), (*_SPOT, _LATER), ("XRP/USDT", "LINK/USDT")),
    "BNB perpetual, 2024": Reading(("2024-03-06", "2024-04-30"), (*_BNB, _LATER), ("BNB/USDT:USDT",)),
}
SENTIMENT = ("with sentiment", "without")
# Nobody is there to look at what is done again and again for years: as often as the ceiling allows without.
SETTINGS = parse({"risk": {"max_repeats": MAX_REPEATS}}, "the settings of the rehearsals")
# Where limits are worth most, or cost most.
WINDOWS = {"May 2021": ("2021-05-01", "2021-06-01"), "2022": ("2022-01-01", SPAN[1])}


@dataclass(frozen=True)
class Cell:
    """`way` is one of LIMITS for a strategy, of REARMS for the desk, of SENTIMENT with news, which `market` names."""

    name: str
    market: str
    way: str

    @property
    def file(self) -> str:
        return (
            f"{'.'.join((self.name, self.market, self.way))}.json".replace("/", "").replace(",", "").replace(" ", "-")
        )

    @property
    def title(self) -> str:
        return f"{self.name} {self.market} {self.way}"


def measure(cell: Cell, data: Path, cache: Path) -> JSON:
    """All that is told of a cell. A desk works in a home of its own below the cache, and goes on there."""
    if cell.name == NEWS:
        return _reading(cell, data, cache / f"home-{cell.file}")
    candles = data / "ohlcv"
    if cell.name == DESK:
        return _desk(REARMS[cell.way], candles, cache / f"home-{cell.way}")
    return _walked(cell, candles, TrialsOnDisk(cache / "trials.jsonl"))


def file_of(candles: Path, market: str) -> Path:
    return candles / f"binance_spot_{market.replace('/', '')}_1h_2017_2022.parquet"


def bars_of(candles: Path, market: str) -> Bars:
    """Bars of four hours that had closed by the end of the span."""
    hours, _ = load_candles(file_of(candles, market), market)
    return aggregate(hours, TIMEFRAME, as_of_ns=parse_time(SPAN[1]), n=len(hours))


def terms_of(limits: str) -> Terms:
    """Costs are those of the desk's paper venue; caps and tiers are the standard policy's."""
    policy, paper = SETTINGS.risk, SETTINGS.execution.paper
    terms = Terms(slippage=float(paper.slippage), impact=float(paper.impact))
    if limits == "plain":
        return terms
    again = 0 if "never" in limits else DAY_NS // TIMEFRAME.ns
    tiers = replace(terms, tiers=tiers_of(policy.breakers), rearm_bars=again)
    if "caps" not in limits:
        return tiers
    return replace(
        tiers,
        max_asset=float(policy.max_asset_exposure),
        max_gross=float(policy.max_gross_exposure),
        max_positions=float(policy.max_positions),
    )


def _walked(cell: Cell, candles: Path, ledger: TrialsOnDisk) -> JSON:
    market = grid([bars_of(candles, cell.market)])
    found = walk(
        market,
        cell.name,
        ranges(STRATEGIES[cell.name]),
        terms_of(cell.way),
        Walk(FOLDS),
        ledger=ledger,
        compute=Here(),
        from_ns=parse_time(SPAN[0]),
    )
    deflated = found.deflated.probability
    return _outcome(found.outcome) | {"deflated": deflated, "efficiency": _finite(found.efficiency)}


def _desk(rearm_ns: int | None, candles: Path, folder: Path) -> JSON:
    spec = MarketSpec("recorded", MARKETS, candles={market: str(file_of(candles, market)) for market in MARKETS})
    series = RunCommand.series(spec, parse_time(SPAN[0]), parse_time(SPAN[1]), EVERY_NS)
    return asyncio.run(_replayed(Home(folder), replace(series, rehearsal=Rehearsal.of((), rearm_ns))))


def _reading(cell: Cell, data: Path, folder: Path) -> JSON:
    """A desk over a store into which the news were imported, each text known when it was."""
    reading, home = READINGS[cell.market], Home(folder)
    imported = folder / "imported"
    if not imported.exists():
        for file, *words in reading.files:
            command = [str(Path(sys.executable).with_name("warden")), "data", "import", str(data / file), *words]
            subprocess.run(
                command, check=True, env={**os.environ, "TRADEWARDEN_HOME": str(folder)}, capture_output=True
            )
        imported.touch()
    spec = MarketSpec("recorded", reading.symbols, stored=Stored(str(home.candles), "binance", Timeframe.H1.value))
    series = RunCommand.series(spec, *(parse_time(day) for day in reading.span), EVERY_NS)
    without = () if cell.way == SENTIMENT[0] else ("sentiment",)
    return asyncio.run(_replayed(home, replace(series, rehearsal=Rehearsal.of(without, DAY_NS))))


def _spoke(conn: Connection, run: Run) -> int:
    """Cycles in which sentiment had an opinion of a symbol."""
    bodies = (
        blobs.get_json(conn, r.body)
        for r in records.listing(conn, run_id=run.run_id, kind=RecordKind.DECISION, limit=None)
    )
    return sum(bool(body and body["sentiment"] and body["sentiment"]["moods"]) for body in bodies)


async def _replayed(home: Home, command: RunCommand) -> JSON:
    """The same command goes on where it was killed, and reports what has finished."""
    async with open_run(home, SETTINGS, command) as opened:
        result = await opened.execute()
        books, market = opened.desk.books, opened.desk.market
        came = books.read(lambda conn: replay_of(conn, result.account_id, market, SETTINGS))
        spoke = books.read(lambda conn: _spoke(conn, came.run))
    tallies = {code: asdict(one) for code, one in came.forgone.items()}
    return _outcome(came.outcome) | {"halts": dict(came.halts), "spoke": spoke, "forgone": tallies}


def _outcome(outcome: Outcome) -> JSON:
    """Everything that a report tells, and the return in each window, bought and held beside."""
    windows = {
        name: {"ours": _between(outcome, outcome.equity, span), "held": _between(outcome, outcome.held, span)}
        for name, span in WINDOWS.items()
    }
    return told(summarised(outcome)) | {"windows": windows}


def _between(outcome: Outcome, equity: FloatArray, span: tuple[str, str]) -> float | None:
    first_ns, last_ns = (parse_time(day) for day in span)
    inside = (outcome.close_ns >= first_ns) & (outcome.close_ns <= last_ns)
    if inside.sum() < 2:
        return None
    return _finite(total_return(curve_of(outcome.close_ns[inside], equity[inside])))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
