"""What a replayed desk came to, from its books: the type of a compiled sweep, so that one report reads both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from sqlalchemy import Connection, select

from core.canonical import JSON
from core.errors import ConfigError, DataRefused
from core.fills import fee, slipped
from core.money import ZERO
from core.orders import Side
from core.verdicts import AnswerKind
from desk.booked import BookedFill, fills_of, payments_of, round_trips
from desk.markets import Market
from desk.rehearsal import rearmed
from desk.settings import Settings
from memory.books import accounts, blobs, journal, records, tables
from memory.books.records import Run
from memory.books.words import RecordKind
from tools.simulation.outcome import Outcome

if TYPE_CHECKING:
    from core.bars import Bars, FloatArray, IntArray

_ALL: Final = 2**31  # bars


@dataclass(frozen=True, slots=True)
class _Prices:
    """Closes of one symbol by the moment at which they were known."""

    known_ns: IntArray
    close: FloatArray

    def at(self, moments: IntArray) -> FloatArray:
        """The last close known at each moment, NaN before the first."""
        found = np.searchsorted(self.known_ns, moments, side="right") - 1
        return np.where(found < 0, np.nan, self.close[np.maximum(found, 0)])


def outcome_of(conn: Connection, run: Run, market: Market, settings: Settings) -> Outcome:
    """Equity at every bar that the watch saw, trades, exposure, and holding the same symbols instead.

    Raises ConfigError for a run that has seen no bar yet, and DataRefused where a symbol's prices begin after it.
    """
    account = accounts.account(conn, run.account_id)
    close_ns, equity = _marks(conn, run.account_id)
    symbols = tuple(run.command["arguments"]["symbols"])
    prices = {symbol: _prices(market, symbol, int(close_ns[-1])) for symbol in symbols}
    fills = fills_of(conn, run.account_id)
    instruments = {s: found for s in symbols if (found := market.instrument(s)) is not None}

    def asked(symbol: str, at_ns: int) -> float | None:
        price = float(prices[symbol].at(np.array([at_ns]))[0])
        return None if np.isnan(price) else price

    steps = {symbol: instrument.lot_size for symbol, instrument in instruments.items()}
    paper = settings.execution.paper
    rates = {symbol: float(instrument.taker_fee) for symbol, instrument in instruments.items()}
    return Outcome(
        name="desk",
        symbols=symbols,
        interval_ns=market.base_timeframe.ns,
        close_ns=close_ns,
        equity=equity,
        exposure=_exposure(fills, prices, close_ns, equity),
        held=_held(float(account.start_equity), prices, rates, float(paper.slippage), close_ns),
        trades=round_trips(fills, payments_of(conn, run.account_id), steps, asked, int(close_ns[-1])),
        parameters=_parameters(run),
        costs={"fee": max(rates.values()), "slippage": float(paper.slippage), "impact": float(paper.impact)},
        data=_inputs(market, symbols, settings),
        vetoes=_vetoes(conn, run.account_id, run.run_id),
    )


def halted(conn: Connection, run: Run) -> dict[str, int]:
    """What breakers did to a rehearsal: trips, cycles that were left out, and latches that its attendant re-armed."""
    made = len(records.listing(conn, run_id=run.run_id, kind=RecordKind.DECISION, limit=None))
    told = run.command["arguments"]
    every = told["every_ns"]
    planned = 1 if not every else (told["to_ns"] - told["from_ns"]) // every + 1
    trips = len(journal.bodies(conn, run.account_id, "breaker"))
    left = {"cycles": made, "left_out": planned - made}
    return {**left, "tripped": trips, "rearmed": rearmed(conn, run.account_id)}


def candles_of(market: Market, outcome: Outcome) -> tuple[Bars, ...]:
    """The bars that a run saw, for the trades to be drawn on."""
    first_ns, last_ns = int(outcome.close_ns[0]), int(outcome.close_ns[-1])
    most = (last_ns - first_ns) // outcome.interval_ns + 1
    return tuple(market.bars(s, market.base_timeframe, as_of_ns=last_ns, n=most) for s in outcome.symbols)


def _marks(conn: Connection, account_id: str) -> tuple[IntArray, FloatArray]:
    table = tables.marks
    query = select(table.c.ts_ns, table.c.equity).where(table.c.account_id == account_id).order_by(table.c.ts_ns)
    rows = conn.execute(query).all()
    if len(rows) < 2:
        raise ConfigError(f"account {account_id} has seen {len(rows)} bars, a report needs two: run it further")
    return np.array([row.ts_ns for row in rows], np.int64), np.array([float(row.equity) for row in rows])


def _prices(market: Market, symbol: str, until_ns: int) -> _Prices:
    bars = market.bars(symbol, market.base_timeframe, as_of_ns=until_ns, n=_ALL)
    return _Prices(bars.open_ns + bars.timeframe.ns, bars.close)


def _exposure(
    fills: Sequence[BookedFill], prices: Mapping[str, _Prices], close_ns: IntArray, equity: FloatArray
) -> FloatArray:
    """Gross: the sum of what is held of each symbol at its last price, over equity."""
    gross = np.zeros(len(close_ns))
    for symbol, known in prices.items():
        mine = [fill for fill in fills if fill.symbol == symbol]
        held, total = [0.0], ZERO
        for fill in mine:
            total += fill.side.sign * fill.quantity - (fill.fee_quantity if fill.side is Side.BUY else ZERO)
            held.append(float(total))
        at = np.searchsorted(np.array([fill.at_ns for fill in mine], np.int64), close_ns, side="right")
        gross += np.nan_to_num(np.abs(np.array(held)[at]) * known.at(close_ns))
    return np.divide(gross, equity, out=np.zeros_like(gross), where=equity > 0)


def _held(
    start: float, prices: Mapping[str, _Prices], rates: Mapping[str, float], slippage: float, close_ns: IntArray
) -> FloatArray:
    """Equity of equal parts bought at the first bar, at the same fee and slippage, and never sold."""
    worth, part = np.zeros(len(close_ns)), start / len(prices)
    for symbol, known in prices.items():
        closes = known.at(close_ns)
        if np.isnan(closes[0]):
            raise DataRefused(f"{symbol} has no price at the first bar of the run: holding it cannot be measured")
        price = slipped(float(closes[0]), 1, slippage, 0.0, 0.0)
        worth += part / (price + fee(price, rates[symbol])) * closes
    return worth


def _parameters(run: Run) -> dict[str, float | str]:
    told = run.command["arguments"]
    rehearsal = told.get("rehearsal") or {}
    rearm_ns = rehearsal.get("rearm_ns")
    return {
        "every_h": told["every_ns"] / 3.6e12,
        "without": ", ".join(rehearsal.get("without", ())) or "nothing",
        "rearm_h": "never" if rearm_ns is None else rearm_ns / 3.6e12,
        "run": run.run_id,
    }


def _inputs(market: Market, symbols: Sequence[str], settings: Settings) -> dict[str, str]:
    """The candles by what they hold, and the policy that judged."""
    hashes = market.fingerprint()
    named = dict(zip(symbols, hashes, strict=True)) if len(hashes) == len(symbols) else {"market": " ".join(hashes)}
    return {**named, "policy": settings.policy_hash}


def _vetoes(conn: Connection, account_id: str, run_id: str) -> dict[str, int]:
    """Denials of the gate by code, also of what standing instructions wanted."""
    denied: Counter[str] = Counter()
    for proposal in conn.execute(select(tables.proposals).where(tables.proposals.c.account_id == account_id)):
        if proposal.cycle_id is None and proposal.kind == AnswerKind.DENIED:
            denied.update(v["code"] for v in proposal.review["verdicts"] if v["outcome"] == "denied")
    for record in records.listing(conn, run_id=run_id, kind=RecordKind.DECISION, limit=None):
        body: JSON = blobs.get_json(conn, record.body) or {"answers": []}
        denied.update(v["code"] for a in body["answers"] for v in a["verdicts"] if v["outcome"] == "denied")
    return dict(denied.most_common())
