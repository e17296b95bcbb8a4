"""`warden backtest desk`: the desk itself over recorded candles, to the end of them whatever halts it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from api.cli import words
from api.cli.console import console, print_json
from api.cli.running import Asked, settings_of, understand, with_progress
from api.cli.show import table
from core.errors import ConfigError
from core.time import duration_ns
from desk.home import Home
from desk.rehearsal import Rehearsal
from desk.runs import RunCommand, open_run
from desk.settings import Settings
from risk.codes import DenialCode

if TYPE_CHECKING:
    from backtest.forgone import Tally
    from backtest.summary import Summary
    from core.canonical import JSON

_HALTS: Final = {
    "cycles": "cycles",
    "tripped": "breakers tripped",
    "left_out": "left out while halted",
    "rearmed": "re-armed",
}
_SHOWN: Final = ("total_return", "max_drawdown", "sharpe", "trades", "win_rate", "profit_factor", "exposure")


@dataclass(frozen=True, slots=True)
class Replayed:
    """One replay: how it was attended, what breakers did to it, what it came to, and the file that keeps that.

    `forgone` is what the entries that were denied would have come to, by the rule that denied and, under '', in all.
    """

    rearm: str
    halts: Mapping[str, int]
    forgone: Mapping[str, Tally]
    summary: Summary
    file: Path


def replay(asked: Asked, rearm: str, without: Sequence[str], step: str, *, slippage: str | None, json: bool) -> None:
    if step not in ("needed", "every"):
        raise ConfigError(f"--step is {step!r}: needed and every are allowed")
    home, settings = Home.find(), settings_of(asked)
    if slippage is not None:
        from backtest.slippages import told_to

        settings = told_to(settings, slippage)
    rearm_ns = None if rearm == "never" else duration_ns(rearm)
    ways = {"never": None} if rearm_ns is None else {"never": None, rearm: rearm_ns}
    command = replace(understand(asked, settings), every_bar=step == "every")
    commands = {name: replace(command, rehearsal=Rehearsal.of(without, ns)) for name, ns in ways.items()}
    found = [asyncio.run(_replay(home, settings, each, name, quiet=json)) for name, each in commands.items()]
    if json:
        from backtest.summary import told

        print_json([_line(one) | {"report": told(one.summary)} for one in found])
    else:
        _show(found)


async def _replay(home: Home, settings: Settings, command: RunCommand, rearm: str, *, quiet: bool) -> Replayed:
    from backtest.outcomes import save
    from backtest.replays import replay_of
    from backtest.summary import summarised

    async with open_run(home, settings, command) as opened:
        result = await with_progress(opened, len(command.as_of_ns), quiet=quiet, named=f"re-armed {rearm}")
        books, market = opened.desk.books, opened.desk.market
        came = books.read(lambda conn: replay_of(conn, result.account_id, market, settings))
    file = save(came.outcome, home.backtests, candles=came.candles)
    return Replayed(rearm, came.halts, came.forgone, summarised(came.outcome), file)


def _line(one: Replayed) -> JSON:
    told = {code or "all": asdict(found) for code, found in one.forgone.items()}
    return {"rearm": one.rearm, **one.halts, "file": str(one.file), "forgone": told}


def _told(code: str, found: Tally) -> str:
    """Such as '3 entries denied by spread: alone, 3 of them would have come to -12.50, 2 at a loss'."""
    whose = f" by {code}" if code else ""
    came = f"alone, {found.valued} of them would have come to {found.profit:+,.2f}, {found.lost} at a loss"
    return f"{words.count(found.count, 'entry')} denied{whose}: {came}"


def _show(found: Sequence[Replayed]) -> None:
    from backtest import words as measures

    outcome = found[0].summary.outcome
    console.print(f"{', '.join(outcome.symbols)}, {measures.span(outcome)} UTC, {measures.bars(outcome)}", markup=False)
    shown = table("figure", *(f"re-armed {one.rearm}" for one in found), "buy and hold")
    for name, label in _HALTS.items():
        shown.add_row(label, *(str(one.halts[name]) for one in found), "")
    for name in _SHOWN:
        ours = [one.summary.figures[name] for one in found]
        held = found[0].summary.held.get(name)
        cells = [measures.figure(name, figure) if figure.value is not None else figure.why for figure in ours]
        shown.add_row(measures.METRICS[name].label, *cells, "" if held is None else measures.figure(name, held))
    shown.add_row("denials", *(str(sum(one.summary.outcome.vetoes.values())) for one in found), "")
    console.print(shown)
    for one in found:
        for code, found_one in one.forgone.items():
            if found_one.count:
                console.print(f"re-armed {one.rearm}, {_told(code, found_one)}", markup=False)
    if any(DenialCode.REPEATED in one.forgone for one in found):
        told = "no person looked, so that entries were denied as REPEATED: years need a higher [risk] max_repeats"
        console.print(f"⚠ {told}", style="yellow", markup=False)
    for doubt in dict.fromkeys(doubt for one in found for doubt in one.summary.honesty.doubts):
        console.print(f"⚠ {doubt}", style="yellow", markup=False)
    for one in found:
        console.print(f"kept, re-armed {one.rearm}: {one.file}", markup=False, style="dim", soft_wrap=True)
    console.print("`warden backtest report FILE --out report.html` makes the page", style="dim")
