"""The page of docs/backtests.md, from the cells that were measured. What is not in the cache is "not measured"."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from backtest.metrics import Unit, catalogue
from backtest.words import number
from bench.results_cells import (
    DESK,
    FOLDS,
    LIMITS,
    MARKETS,
    NEWS,
    READINGS,
    REARMS,
    SENTIMENT,
    SPAN,
    STRATEGIES,
    TIMEFRAME,
    WINDOWS,
    Cell,
)
from core.canonical import JSON

NOT_MEASURED = "not measured"
_COLUMNS = ("annual_return", "sharpe", "max_drawdown", "trades", "win_rate", "profit_factor", "exposure", "cost_share")
_HALTS = (
    ("cycles", "cycles"),
    ("tripped", "breakers tripped"),
    ("left_out", "left out while halted"),
    ("rearmed", "re-armed"),
)
_OF_EQUITY = _COLUMNS[:3]

OPENING = f"""# What strategies and the desk came to

`python -m bench.results` measures all of this and writes this page. The candles are Binance's spot hours of BTC/USDT
and ETH/USDT from {SPAN[0]} to {SPAN[1]}; hours that the exchange was out are missing, and nothing is filled there.

Nothing here is a promise, and most of it is sobering: that is what honest costs and parameters picked without a look
ahead do to simple rules.
"""

HOW = f"""## How it was measured

- **Strategies** decide at the close of bars of {TIMEFRAME.value} and fill at the next open, long only. Parameters are
  picked by their Sharpe ratio on all bars before a part and traded in it, {FOLDS} parts, in one account.
  The sets to pick from were written down before anything was run:

{{sets}}

- Fees are 0.1 % and slippage 5 bps a side, plus the square root of our share of a bar's volume times its range.
- **plain** puts all of equity into a position; **tiers** adds the loss tiers of the standard policy, a latch being
  re-armed after a day, or never; **caps and tiers** also its limits on positions. Each picks its own parameters.
- **The desk** is the whole one, keyless: pipeline, risk officer, gate, paper venue, watch and journal, a cycle every 4
  hours, marks and stops every hour. It has no news and no chain in these years, so that sentiment abstains. By
  default it denies an owner's 101st entry in a symbol that no person looked at; nobody looks for years here, and
  `max_repeats` is at its ceiling of 1,000.
- *Costs* are fees and slippage over the gross edge, and nothing where there was no edge. *Deflated* is the probability
  that the Sharpe ratio is above 0 although the best of all trials in this market could have been picked. Brackets are
  90 % intervals of a block bootstrap. Years have 365 days.
"""


def page(cache: Path) -> str:
    """The whole page, from the cells in a folder."""
    told = "\n".join(f"  - {name}: `{' '.join(over)}`" for name, over in STRATEGIES.items())
    parts = [OPENING, HOW.format(sets=told), *(_market(cache, market) for market in MARKETS)]
    return "\n".join([*parts, _tiers(cache), _desk(cache), _denied(cache), _news(cache)])


def _read(cache: Path, name: str, market: str, way: str) -> JSON | None:
    file = cache / Cell(name, market, way).file
    return json.loads(file.read_text()) if file.exists() else None


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def _cells(figures: Mapping[str, JSON], names: Sequence[str]) -> list[str]:
    return [number(figures[name]["value"], catalogue()[name].unit) for name in names]


def _sharpe(told: JSON) -> str:
    """With its interval, where it has one."""
    [found] = [one for one in told["thresholds"] if one["metric"] == "sharpe"]
    shown = number(found["value"], Unit.RATIO)
    if found["interval"] is None:
        return shown
    low, high = (number(found["interval"][end], Unit.RATIO) for end in ("low", "high"))
    return f"{shown} [{low}, {high}]"


def _row(told: JSON) -> list[str]:
    cells = _cells(told["figures"], _COLUMNS)
    cells[1] = _sharpe(told)
    return cells


def _market(cache: Path, market: str) -> str:
    header = ("strategy", "limits", *(catalogue()[name].label for name in _COLUMNS), "deflated", "efficiency")
    rows: list[list[str]] = []
    held: JSON | None = None
    for name in STRATEGIES:
        for way in LIMITS:
            told = _read(cache, name, market, way)
            if told is None:
                rows.append([name, way, NOT_MEASURED, *[""] * (len(_COLUMNS) + 1)])
                continue
            efficiency = number(told["efficiency"], Unit.RATIO)
            rows.append([name, way, *_row(told), number(told["deflated"], Unit.RATIO), efficiency])
            held = held or told
    lines = [f"## {market}, walked forward\n"]
    if held is not None:
        rows.append(["bought and held", "", *_cells(held["held"], _OF_EQUITY), *[""] * (len(_COLUMNS) - 1)])
        lines.append(f"{held['bars']:,} bars traded, {held['from']} to {held['to']}.\n")
    lines.append(_table(header, rows))
    lines.append(
        "*Efficiency* is the mean Sharpe ratio of the parts over that of their picks, in sample (Pardo, 2008).\n"
    )
    return "\n".join(lines)


def _tiers(cache: Path) -> str:
    """With tiers against plain: the difference is what the loss tiers did, and other picks that they led to."""
    header = ("market", "strategy", *(f"{w}: {way}" for w in WINDOWS for way in ("plain", "with tiers", "difference")))
    rows = []
    for market in MARKETS:
        for name in STRATEGIES:
            without, within = (_read(cache, name, market, way) for way in LIMITS[:2])
            if without is None or within is None:
                rows.append([market, name, NOT_MEASURED, *[""] * (3 * len(WINDOWS) - 1)])
                continue
            row = [market, name]
            for window in WINDOWS:
                pair = [told["windows"][window]["ours"] for told in (without, within)]
                apart = None if None in pair else pair[1] - pair[0]
                row += [number(value, Unit.FRACTION) for value in (*pair, apart)]
            rows.append(row)
    return "## What the loss tiers saved or cost\n\n" + _table(header, rows)


def _desk(cache: Path) -> str:
    found = {way: _read(cache, DESK, " ".join(MARKETS), way) for way in REARMS}
    there = {way: told for way, told in found.items() if told is not None}
    lines = ["## The desk\n"]
    if len(there) < len(found):
        lines.append(f"Re-armed {', '.join(way for way in found if way not in there)}: {NOT_MEASURED}.\n")
    if not there:
        return "\n".join(lines)
    one = next(iter(there.values()))
    lines.append(f"{', '.join(one['symbols'])}, {one['from']} to {one['to']}, {one['bars']:,} bars of an hour.\n")
    rows = [
        [catalogue()[name].label, *(_cells(told["figures"], [name])[0] for told in there.values()), held]
        for name in _COLUMNS
        for held in [_cells(one["held"], [name])[0] if name in _OF_EQUITY else ""]
    ]
    rows[1] = [rows[1][0], *(_sharpe(told) for told in there.values()), rows[1][-1]]
    for window in WINDOWS:
        ours = [number(told["windows"][window]["ours"], Unit.FRACTION) for told in there.values()]
        rows.append([f"return, {window}", *ours, number(one["windows"][window]["held"], Unit.FRACTION)])
    for name, label in _HALTS:
        rows.append([label, *(f"{told['halts'][name]:,}" for told in there.values()), ""])
    lines.append(_table(("figure", *(f"re-armed {way}" for way in there), "bought and held"), rows))
    return "\n".join(lines)


def _denied(cache: Path) -> str:
    """What the gate denied, and what that would have come to."""
    lines = [
        "### What vetoes saved or cost\n",
        "Each entry that was denied for good, valued alone: filled at the next open, left at its stop, its target or",
        "its time limit, with costs. Stops that follow the price stand still here. An entry that several rules denied",
        "stands under each.\n",
    ]
    rows = []
    for way in REARMS:
        told = _read(cache, DESK, " ".join(MARKETS), way)
        for code, one in ({} if told is None else told["forgone"]).items():
            profit = f"{one['profit']:+,.2f}"
            rows.append(
                [f"re-armed {way}", code or "all", f"{one['count']}", f"{one['lost']} of {one['valued']}", profit]
            )
    if not rows:
        return "\n".join([*lines, f"{NOT_MEASURED.capitalize()}.\n"])
    header = ("desk", "denied by", "entries", "would have lost", "together, USDT")
    return "\n".join([*lines, _table(header, rows)])


def _news(cache: Path) -> str:
    """The months of which news are at hand, with sentiment and without."""
    lines = [
        "## The desk with news to read\n",
        "The months of which both candles and news are at hand, each text known when it was; re-armed after a day. Of",
        "XRP and LINK the candles are of perpetuals, traded as if they were spot: their funding is not at hand, and",
        "without it the gate would deny every entry. *Spoke* are cycles in which sentiment had an opinion.\n",
    ]
    header = ("months", "sentiment", "spoke", "of cycles", *(catalogue()[name].label for name in _COLUMNS), "held")
    rows = []
    for months in READINGS:
        for way in SENTIMENT:
            told = _read(cache, NEWS, months, way)
            if told is None:
                rows.append([months, way, NOT_MEASURED, *[""] * (len(_COLUMNS) + 2)])
                continue
            held = number(told["held"]["total_return"]["value"], Unit.FRACTION)
            rows.append([months, way, f"{told['spoke']}", f"{told['halts']['cycles']}", *_row(told), held])
    return "\n".join([*lines, _table(header, rows)])
