"""What `warden backtest sweep --walk-forward` shows: the parts, what was picked for each, and what came of it all."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from api.cli import words
from api.cli.console import console, print_json
from api.cli.show import table
from core.time import show_time
from tools.strategies.targets import told

if TYPE_CHECKING:
    from backtest.walking import Part, Walked
    from core.canonical import JSON
    from tools.simulation.grid import Grid
    from tools.simulation.settings import Terms


def show(found: Walked, market: Grid, terms: Terms, kept: Path, *, json: bool) -> None:
    if json:
        print_json({**_told(found, market, terms), "kept": str(kept)})
        return
    _show(found, market, terms)
    console.print(f"✓ the whole is kept: warden backtest report {kept}", markup=False, soft_wrap=True)


def _told(found: Walked, market: Grid, terms: Terms) -> JSON:
    outcome = found.outcome
    return {
        "strategy": found.strategy,
        "symbols": list(market.symbols),
        "timeframe": market.timeframe.value,
        "from": show_time(int(outcome.close_ns[0])),
        "until": show_time(int(outcome.close_ns[-1])),
        "bars": len(outcome.close_ns),
        "missing_bars": market.missing(found.parts[0].learnt),
        "data": market.hashes(),
        "terms": terms.told(),
        "study": found.study,
        "trials": found.counted,
        "return": _finite(outcome.equity[-1] / terms.capital - 1),
        "held_return": _finite(outcome.held[-1] / terms.capital - 1),
        "sharpe_year": _finite(found.deflated.sharpe * _root(market)),
        "deflated": _finite(found.deflated.probability),
        "luck_year": _finite(found.deflated.threshold * _root(market)),
        "efficiency": _finite(found.efficiency),
        "trades": len(outcome.trades),
        "vetoes": dict(outcome.vetoes),
        "parts": [_part(part, market) for part in found.parts],
        "moves": sum(a.parameters != b.parameters for a, b in pairwise(found.parts)),
    }


def _part(part: Part, market: Grid) -> JSON:
    return {
        "learnt_from": show_time(int(market.close_ns[part.learnt])),
        "from": show_time(int(market.close_ns[part.first])),
        "until": show_time(int(market.close_ns[part.last])),
        "sets": part.tried,
        "parameters": dict(part.parameters),
        "picked_sharpe_year": _finite(part.picked_sharpe * _root(market)),
        "sharpe_year": _finite(part.sharpe * _root(market)),
        "return": _finite(part.earned),
    }


def _show(found: Walked, market: Grid, terms: Terms) -> None:
    said = _told(found, market, terms)
    console.print(f"{', '.join(said['symbols'])} {said['timeframe']}, {said['from']} to {said['until']}", markup=False)
    parts, trials = words.count(len(found.parts), "part"), words.count(found.counted, "trial")
    console.print(f"{found.strategy} in {parts}, each traded on sets picked before it; {trials} so far in this market")
    if gone := market.missing(found.parts[0].learnt):
        missing = words.count(gone, "bar")
        console.print(f"⚠ {missing} missing: no order is filled there", style="yellow", markup=False)
    shown = table("traded from", "picked", "Sharpe when picked", "Sharpe", "return")
    shown.columns[1].no_wrap = False
    for part, line in zip(found.parts, said["parts"], strict=True):
        picked = Text(told(part.parameters))
        shown.add_row(
            line["from"][:16],
            picked,
            _plain(line["picked_sharpe_year"]),
            _plain(line["sharpe_year"]),
            _percent(line["return"]),
        )
    console.print(shown)
    console.print(
        f"together: {_percent(said['return'])}, Sharpe {_plain(said['sharpe_year'])}, {said['trades']} trades"
    )
    console.print(f"bought and held: {_percent(said['held_return'])}", style="dim")
    if said["efficiency"] is not None:
        console.print(f"of the Sharpe ratio that was picked, {said['efficiency']:.0%} stayed", style="dim")
    luck = f"the luckiest of {found.counted} without skill: a Sharpe ratio of {_plain(said['luck_year'])} a year"
    console.print(f"{luck}; skill: {_percent(said['deflated'])}", style="dim")


def _root(market: Grid) -> float:
    return math.sqrt(market.timeframe.bars_per_year)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
