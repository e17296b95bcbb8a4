"""Working strategies over a history: each set of parameters is a standing instruction that the whole desk replays.

There is no second simulation of them: pipeline aside, a replay runs the gate, the paper venue, the watch and the books,
in a folder of its own that is gone afterwards. So a set costs a replay, and sets run over `Compute`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import numpy as np

from agents.instructions import MOST_ORDERS, Instruction, parsed
from backtest.ranges import sets
from backtest.sweeps import Best, Swept
from core.canonical import digest
from core.errors import ConfigError
from core.ports import Compute, Trial, Trials
from desk.home import Home
from desk.markets import MarketSpec
from desk.outcome import outcome_of
from desk.rehearsal import STAGES, Rehearsal
from desk.runs import RunCommand, latest_run, open_run
from desk.settings import Settings
from models.validation.overfitting import deflated_sharpe
from models.validation.trading import sharpe_of
from models.validation.trials import ratio, ratios
from tools.simulation.outcome import ExitReason, Outcome
from tools.simulation.settings import Terms, tiers_of
from tools.simulation.sweeping import COLUMNS, Set, study_of
from tools.strategies.playbooks import WORKING
from tools.strategies.targets import Value, told

if TYPE_CHECKING:
    from core.bars import FloatArray
    from tools.simulation.grid import Grid

_BUDGET: Final = ("max_orders", "max_spend")
_MOST_SPEND: Final = "1000000000"


@dataclass(frozen=True, slots=True)
class Task:
    """One replay: it can travel to another process, or another machine that has the same candles."""

    instruction: Instruction
    market: MarketSpec
    settings: Settings
    from_ns: int
    to_ns: int


def instruction_of(kind: str, symbol: str, one: Set) -> Instruction:
    """A set of parameters as what a person would confirm. Its budget bounds nothing unless the set says so."""
    known = [name for name in WORKING[kind].model_fields if name not in ("kind", "symbol")]
    if unknown := [name for name in one if name not in (*known, *_BUDGET)]:
        allowed = ", ".join((*known, *_BUDGET))
        raise ConfigError(f"unknown parameter {unknown[0]}, {kind} has {allowed}")
    strategy = {name: _typed(value) for name, value in one.items() if name not in _BUDGET}
    budget = {"max_orders": MOST_ORDERS, "max_spend": _MOST_SPEND}
    budget |= {name: _typed(one[name]) for name in _BUDGET if name in one}
    return parsed({"strategy": {"kind": kind, "symbol": symbol, **strategy}, "budget": budget})


def sweep(
    grid: Grid,
    market: MarketSpec,
    kind: str,
    over: Mapping[str, Sequence[Value]],
    settings: Settings,
    *,
    ledger: Trials,
    compute: Compute,
    from_ns: int | None = None,
    best: int = 5,
    passed: Callable[[int], None] = lambda sets: None,
) -> Swept:
    """Replays every set, counts it as a trial, and picks the `best` by their Sharpe ratio.

    `grid` holds the bars of `market`, which has one symbol. Raises ConfigError where no set can be made.
    """
    if len(market.symbols) != 1:
        raise ConfigError(f"{kind} trades one symbol, found {', '.join(market.symbols)}")
    wanted, left_out = _possible(kind, market.symbols[0], sets(over))
    first_ns = int(grid.close_ns[0]) if from_ns is None else max(from_ns, int(grid.close_ns[0]))
    begin = int(np.searchsorted(grid.close_ns, first_ns))
    if begin >= len(grid) - 1:
        raise ConfigError(f"{len(grid)} bars leave none to trade on after that time")
    last_ns = int(grid.close_ns[-1])
    tasks = [Task(made, market, _alone(settings), first_ns, last_ns) for _, made in wanted]
    study = study_of(grid)
    about = digest({"kind": kind, "data": grid.hashes(), "policy": settings.policy_hash, "from": first_ns})
    rows: list[FloatArray] = []
    leading: list[tuple[float, int, Outcome]] = []
    for number, outcome in enumerate(compute.map(replayed, tasks)):
        one = wanted[number][0]
        row = _figures(outcome)
        rows.append(row)
        sharpe = float(row[COLUMNS.index("sharpe")])
        settings_of = digest({"about": about, "set": {name: str(value) for name, value in one.items()}})
        ledger.count(Trial(study, f"{kind} {told(one)}", settings_of, ratio(sharpe)))
        leading.append((-sharpe if math.isfinite(sharpe) else math.inf, number, outcome))
        leading = sorted(leading, key=lambda entry: entry[:2])[:best]  # the others' curves are let go
        passed(1)
    table = np.stack(rows)
    tried = ratios(ledger.of(study))
    return Swept(
        kind,
        tuple(one for one, _ in wanted),
        {name: table[:, k] for k, name in enumerate(COLUMNS)},
        tuple(_best(kind, wanted[number][0], number, outcome, tried) for _, number, outcome in leading),
        begin,
        grid,
        terms_of(settings, leading[0][2]),
        study,
        len(tried),
        left_out,
    )


def replayed(task: Task) -> Outcome:
    """What came of one set, in a home of its own; no cycle proposes anything beside it."""
    every_ns = task.to_ns - task.from_ns
    command = RunCommand.series(task.market, task.from_ns, task.to_ns, every_ns, instructions=(task.instruction,))
    command = replace(command, rehearsal=Rehearsal.of(STAGES, None))
    with TemporaryDirectory(prefix="warden-sweep-") as folder:
        return asyncio.run(_replay(Home(Path(folder)), task.settings, command))


async def _replay(home: Home, settings: Settings, command: RunCommand) -> Outcome:
    async with open_run(home, settings, command) as opened:
        result = await opened.execute()
        books, market = opened.desk.books, opened.desk.market
        run = books.read(lambda conn: latest_run(conn, result.account_id))
        return books.read(lambda conn: outcome_of(conn, run, market, settings))


def terms_of(settings: Settings, outcome: Outcome) -> Terms:
    """What the paper venue and the policy asked of every set, as a sweep tells it."""
    paper, policy = settings.execution.paper, settings.risk
    return Terms(
        capital=float(settings.account.deposit),
        fee=float(outcome.costs["fee"]),
        slippage=float(paper.slippage),
        impact=float(paper.impact),
        max_asset=float(policy.max_asset_exposure),
        max_gross=float(policy.max_gross_exposure),
        max_positions=float(policy.max_positions),
        tiers=tiers_of(policy.breakers),
    )


def _alone(settings: Settings) -> Settings:
    """The same desk without what a replay of instructions asks nobody for: books elsewhere, and remembered lessons."""
    return settings.model_copy(
        update={"database_url": None, "recall": settings.recall.model_copy(update={"reflect": False})}
    )


def _possible(kind: str, symbol: str, all_sets: Sequence[Set]) -> tuple[list[tuple[Set, Instruction]], dict[str, int]]:
    found: list[tuple[Set, Instruction]] = []
    left_out: dict[str, int] = {}
    for one in all_sets:
        try:
            found.append((one, instruction_of(kind, symbol, one)))
        except ConfigError as refused:
            if str(refused).startswith("unknown parameter"):
                raise
            why = str(refused).removeprefix("not a standing instruction: ").split(", found")[0]
            left_out[why] = left_out.get(why, 0) + 1
    if not found:
        raise ConfigError(f"none of {sum(left_out.values())} sets can be made: {'; '.join(left_out)}")
    return found, left_out


def _figures(outcome: Outcome) -> FloatArray:
    """The row that the kernel would have told, by `COLUMNS`. Equity before the first mark is the first mark."""
    equity, trades = outcome.equity, outcome.trades
    peak = np.maximum.accumulate(equity)
    ended = [trade for trade in trades if trade.reason is not ExitReason.END]
    return np.array(
        [
            equity[-1],
            sharpe_of(outcome.returns),
            float(((peak - equity) / peak).max()),
            len(ended),
            sum(trade.profit > 0 for trade in ended),
            sum(trade.fees for trade in trades),
            sum(trade.slippage for trade in trades),
            sum(trade.funding for trade in trades),
            sum(trade.quantity * (trade.entry + trade.exit * (trade.reason is not ExitReason.END)) for trade in trades),
            int((outcome.exposure > 0).sum()),
        ]
    )


def _best(kind: str, one: Set, row: int, outcome: Outcome, tried: Sequence[float]) -> Best:
    deflated = deflated_sharpe(outcome.returns, tried)
    named = replace(
        outcome, name=kind, parameters=dict(one), trials=len(tried), luck=deflated.threshold,
        trades=tuple(replace(trade, strategy=kind) for trade in outcome.trades),
    )  # fmt: skip
    return Best(one, row, named, deflated)


def _typed(value: Value) -> int | str:
    """Numbers as a person writes them in decimals; what has no fraction as the integer that counts are."""
    if isinstance(value, str):
        return value
    return int(value) if value.is_integer() else f"{value:.12g}"
