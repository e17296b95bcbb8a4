"""What came of a replayed desk: its outcome, what halted it, and what its risk officer refused, all from its books."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from backtest.forgone import Tally, by_code, forgone, tally
from desk.denials import denials
from desk.outcome import candles_of, halted, outcome_of
from desk.runs import latest_run
from memory.books.records import Run

if TYPE_CHECKING:
    from core.bars import Bars
    from desk.markets import Market
    from desk.settings import Settings
    from tools.simulation.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Replay:
    """`halts` is what breakers did; `forgone` what denied entries would have come to, by rule and, under '', in all."""

    run: Run
    halts: Mapping[str, int]
    outcome: Outcome
    candles: tuple[Bars, ...]
    forgone: Mapping[str, Tally]


def replay_of(conn: Connection, account_id: str, market: Market, settings: Settings) -> Replay:
    """Of an account's newest run. Raises what `outcome_of` raises."""
    run = latest_run(conn, account_id)
    outcome, denied = outcome_of(conn, run, market, settings), denials(conn, run)
    candles = candles_of(market, outcome)
    by_symbol, costs = {bars.symbol: bars for bars in candles}, outcome.costs
    valued = forgone(denied, by_symbol, fee_rate=costs["fee"], slippage=costs["slippage"])
    return Replay(run, halted(conn, run), outcome, candles, {"": tally(valued), **by_code(denied, valued)})
