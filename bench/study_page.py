"""The page that the study's cells are told on. A cell that is not in the cache is "not measured"."""

import json
from pathlib import Path

import numpy as np

from bench.study_cells import (
    COMPOSITES,
    FORECASTERS,
    LEDGER,
    MARKETS,
    NAIVE,
    POLICIES,
    SENTIMENT,
    TIMEFRAMES,
    Budget,
    Cell,
)
from core.canonical import JSON
from core.time import show_time
from models.validation.overfitting import backtest_overfitting, deflated_sharpe
from models.validation.trials import TrialsOnDisk, ratios

NOT_MEASURED = "not measured"
OPENING = """# What the models are worth

`python -m bench.study` measures all of this and writes this page; what a cell does not hold is said to be not measured.
The candles are Binance's spot hours of BTC/USDT and ETH/USDT, August 2017 to October 2022, made into bars of four hours
and a day; hours that the exchange was out are missing and never filled.

A good page here is a dull one. Each figure is out of sample, each model stands beside baselines that need no model, on
the very same rows; costs are charged; and what was tried is counted.
"""

HOW = """## How it was measured

- The label is whether the close is higher {horizon} bar later. Walk-forward in {folds} folds that expand: what is
  learnt from ends, label included, before the row that is judged. All forecasters are judged on the same rows.
- Ours see every feature that bars alone can tell, scaled on the training rows of the fold; the newest tenth of what is
  seen calibrates (Platt), the tenth before it says when to stop (of daily bars 22 % each). `xgb-4h` is as published, on
  its own features, and takes a position only from 0.65 up and 0.35 down; at other bars it is the same set-up.
- The forest has {forest_trees} trees of depth 8, the boosted ones at most 300 of depth 4.
- Networks have 2 layers of 32 over 24 rows, at most {epochs} epochs, patience {patience}, one seed ({seed}), on a
  processor: a small budget, and more of it might find more. Nothing was tuned on these rows.
- `ppo` and `dqn` are policies that learn to trade {policy_steps:,} bars of the past under the supervisor's limits and
  costs; their forecast is how much a flat account would rather buy than sell, and it is not calibrated.
- Brackets are {level:.0%} intervals of a block bootstrap (stationary, its blocks as long as Politis and White would
  have them). Accuracy is followed by its mean and deviation over folds. Brier skill is 1 - Brier score / that of the
  best of one half and the three baselines: above 0 is better than no model.
- The result is of a position of all equity, long or short, taken at the next open: fees {fee:.2%} and slippage
  {slippage:.2%} a side, funding and borrowing not charged. Sharpe ratios are a year's. *Deflated* is the probability
  that the ratio is above 0 although the best of all trials in the ledger could have been picked (Bailey and López de
  Prado, 2014).
"""

PUBLISHED = """## The composite score, and the published 63 %

`lstm-score` is an LSTM whose target is not the price but a composite score T of indicators; 63 % accuracy on 360 days
was published for that design. Here each model sees {window} days, {ahead} bars lie between a row and the score it
foretells, and the network has 10 epochs, or the published 100, in {folds} folds over all years.

What such a number can mean: how often the sign of T was foretold, where T is not 0. What it cannot mean:

- that the price is foretold: T of a later bar is made of windows that reach back over bars that are known already;
- that it is better than knowing nothing: T is 0 on most bars, and where it is not, its sign is mostly the side of its
  mean of 100 bars on which the close stands, which tends to stay. A score must be held against T now and against that
  side, as below;
- that it earns: neither 63 % nor a row below has a cost in it.

How 63 % was counted was not published, nor whether zeros count; in the code that was, the target is T of the same bar.
The last column is how often the same sign foretold the price over those {ahead} bars; no sign is half right there, and
wrong in the column of T: the score now is 0 on most bars itself.
"""


def page(cache: Path) -> str:
    """The whole page, from the cells in a folder."""
    budget = Budget()
    measured = [json.loads(file.read_text()) for file in sorted(cache.glob("*.json"))]
    told = [one["budget"] for one in measured if one["cell"]["name"] in FORECASTERS]
    spent = {key: value for one in (budget.told(POLICIES[0]), *told) for key, value in one.items()}
    parts = [OPENING, _summary(cache), HOW.format(**spent, fee=0.001, slippage=0.0005)]
    parts += [_market(cache, market, timeframe) for timeframe in TIMEFRAMES for market in MARKETS]
    parts += [_composite(cache, budget.told(next(iter(COMPOSITES)))), _sentiment(cache)]
    return "\n".join(parts)


def _read(cache: Path, cell: Cell) -> JSON | None:
    file = cache / cell.file
    return json.loads(file.read_text()) if file.exists() else None


def _summary(cache: Path) -> str:
    """How many cells there are, and in how many of them a model was worth more than none."""
    models = [name for name in FORECASTERS if name not in NAIVE]
    wanted = [Cell(name, market, timeframe) for name in models for market in MARKETS for timeframe in TIMEFRAMES]
    there = [(cell, found) for cell in wanted if (found := _read(cache, cell)) is not None]
    lines = ["## What came out", "", f"- {len(there)} of {len(wanted)} cells of models were measured."]
    if not there:
        return "\n".join(lines) + "\n"
    skilled = [cell.title for cell, one in there if one["intervals"]["brier_skill"]["low"] > 0]
    unskilled = sum(one["intervals"]["brier_skill"]["high"] < 0 for _, one in there)
    right = [cell.title for cell, one in there if one["intervals"]["accuracy"]["low"] > 0.5]
    believed = [cell.title for cell, one in there if _deflated(cache, cell, one) > 0.95]
    lines += [
        f"- Right more often than not, at the lower end of the interval: {len(right)}.",
        f"- Brier skill over the best baseline above 0, at the lower end: {_listed(skilled)};"
        f" below 0, at the upper end: {unskilled}.",
        f"- A result after costs that would be believed (deflated above 0.95): {_listed(believed)}.",
    ]
    return "\n".join(lines) + "\n"


def _listed(titles: list[str]) -> str:
    return f"{len(titles)} ({', '.join(titles)})" if titles else "none"


def _deflated(cache: Path, cell: Cell, told: JSON) -> float:
    """How far the result of a cell is to be believed; NaN where nothing was traded, or nothing was counted."""
    tried = ratios(TrialsOnDisk(cache / LEDGER).of(f"{cell.market} {cell.timeframe}"))
    return deflated_sharpe(np.array(told["returns"]), tried).probability if tried else float("nan")


def _market(cache: Path, market: str, timeframe: str) -> str:
    found = {name: _read(cache, Cell(name, market, timeframe)) for name in FORECASTERS}
    there = {name: cell for name, cell in found.items() if cell is not None}
    lines = [f"## {market}, {timeframe}", ""]
    if there:
        one = next(iter(there.values()))
        rows = one["scores"]["n"] + one["scores"]["silent"]
        lines += [f"{rows:,} rows judged, {_day(one['from_ns'])} to {_day(one['until_ns'])}.", ""]
    lines += [
        "| forecaster | accuracy | by fold | F1 | Brier skill | net result | Sharpe | trades | deflated |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_row(cache, Cell(name, market, timeframe), cell) for name, cell in found.items()]
    lines += ["", *_overfitting(there), *_alarms(there)]
    return "\n".join(lines) + "\n"


def _row(cache: Path, cell: Cell, found: JSON | None) -> str:
    if found is None:
        return f"| {cell.name} | {' | '.join([NOT_MEASURED] + [''] * 7)} |"
    told, result, folds = found["intervals"], found["result"], found["spread"]["accuracy"]
    deflated = _deflated(cache, cell, found)
    cells = [
        _percent(told["accuracy"]),
        f"{folds['mean']:.1%} ± {folds['deviation']:.1%}",
        "-" if np.isnan(told["f1"]["value"]) else f"{told['f1']['value']:.2f}",
        _percent(told["brier_skill"], digits=2),
        f"{result['total']:+.0%}",
        "-" if result["sharpe"] is None else _number(result["sharpe"]),
        f"{result['trades']:,}",
        "-" if np.isnan(deflated) else f"{deflated:.2f}",
    ]
    return f"| {cell.name} | {' | '.join(cells)} |"


def _overfitting(there: dict[str, JSON]) -> list[str]:
    """How often the forecaster that was best in one half of the years was below the median in the other."""
    moving = {name: cell["returns"] for name, cell in there.items() if cell["result"]["sharpe"] is not None}
    if len(moving) < 2:
        return [f"Probability of backtest overfitting: {NOT_MEASURED}.", ""]
    rows = min(len(returns) for returns in moving.values())
    found = backtest_overfitting(np.array([returns[-rows:] for returns in moving.values()]).T)
    return [
        f"Probability of backtest overfitting, of picking the best of these {len(moving)} by its past: "
        f"{found.probability:.0%}; it then lost in {found.loss:.0%} of the other halves.",
        "",
    ]


def _alarms(there: dict[str, JSON]) -> list[str]:
    told = [f"- {name}: {message}" for name, cell in there.items() for message in cell["alarms"]]
    return ["Alarms:", "", *told] if told else []


def _composite(cache: Path, budget: JSON) -> str:
    text = PUBLISHED.format(
        window=budget["window_days"],
        ahead=budget["composite_horizon"],
        folds=budget["composite_folds"],
    )
    lines = [
        text,
        "| market | said by | rows | T is 0 | sign right where T is not 0 | correlation with T | price right |",
        "|---|---|---|---|---|---|---|",
    ]
    for timeframe in TIMEFRAMES[:2]:
        for market in MARKETS:
            # What knows less is the same beside each network.
            rows = {network: f"{network} | {NOT_MEASURED} |  |  |  |  |" for network in COMPOSITES}
            for network in COMPOSITES:
                cell = _read(cache, Cell(network, market, timeframe))
                rows |= {} if cell is None else _agreements(network, cell)
            lines += [f"| {market} {timeframe} | {row}" for row in rows.values()]
    return "\n".join(lines) + "\n"


def _agreements(network: str, cell: JSON) -> dict[str, str]:
    """By who said it."""
    rows = {}
    for name, one in cell["agreement"].items():
        right = _percent(cell["right_outside"]) if name == network else f"{one['right_outside']:.1%}"
        figures = [f"{one['n']:,}", f"{one['zero_share']:.1%}", right, f"{one['correlation']:.2f}"]
        rows[name] = f"{name} | {' | '.join(figures)} | {cell['price'][name]:.1%} |"
    return rows


def _sentiment(cache: Path) -> str:
    cell = _read(cache, Cell(SENTIMENT, "texts", ""))
    lines = ["## Sentiment", ""]
    if cell is None:
        return "\n".join([*lines, f"Macro-F1 and accuracy on each labelled set: {NOT_MEASURED}."]) + "\n"
    told = (
        "An abstention counts as neutral. The stance of statements has no labels but decisions: no accuracy is claimed."
    )
    return "\n".join([*lines, told, "", *cell["scores"], "", *cell["stance"]]) + "\n"


def _percent(told: JSON, digits: int = 1) -> str:
    if told["value"] is None or np.isnan(told["value"]):
        return "-"
    return f"{told['value']:.{digits}%} [{told['low']:.{digits}%}, {told['high']:.{digits}%}]"


def _number(told: JSON) -> str:
    return f"{told['value']:.2f} [{told['low']:.2f}, {told['high']:.2f}]"


def _day(ns: int) -> str:
    return show_time(ns)[:10]
