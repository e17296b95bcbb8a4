"""An outcome as CSV, for a spreadsheet: equity, trades, figures and months."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from backtest.curves import drawdowns
from backtest.words import METRICS
from core.time import show_time
from tools.simulation.outcome import Trade

if TYPE_CHECKING:
    from pathlib import Path

    from backtest.summary import Summary

# A cell that begins with one of these is run by a spreadsheet.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def write(summary: Summary, folder: Path) -> tuple[Path, ...]:
    """Writes the files, each anew, and returns their paths. Times are UTC; what is not measured is empty."""
    folder.mkdir(parents=True, exist_ok=True)
    return (
        _sheet(folder / "equity.csv", ("close", "equity", "drawdown", "held", "exposure"), _equity(summary)),
        _sheet(folder / "trades.csv", [field.name.removesuffix("_ns") for field in fields(Trade)], _trades(summary)),
        _sheet(folder / "figures.csv", ("name", "unit", "value", "buy_and_hold", "why", "formula"), _figures(summary)),
        _sheet(folder / "months.csv", ("year", *range(1, 13), "whole"), _months(summary)),
    )


def _sheet(path: Path, head: Sequence[object], rows: Iterable[Sequence[Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows([_cell(value) for value in row] for row in rows)
    return path


def _cell(value: object) -> object:
    """Words as words: a name that a spreadsheet would run is quoted for it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _equity(summary: Summary) -> Iterable[Sequence[Any]]:
    curve, outcome = summary.run.curve, summary.outcome
    depth = [None] * len(curve.equity) if curve.unknown else drawdowns(curve.equity).tolist()
    times = (show_time(ns) for ns in curve.close_ns.tolist())
    return zip(times, curve.equity.tolist(), depth, outcome.held.tolist(), outcome.exposure.tolist(), strict=True)


def _trades(summary: Summary) -> Iterable[Sequence[Any]]:
    for trade in summary.outcome.trades:
        told = {field.name: getattr(trade, field.name) for field in fields(Trade)}
        told |= {"opened_ns": show_time(trade.opened_ns), "closed_ns": show_time(trade.closed_ns)}
        yield [*(told | {"reason": trade.reason.value}).values()]


def _figures(summary: Summary) -> Iterable[Sequence[Any]]:
    for name, found in summary.figures.items():
        held = summary.held.get(name)
        metric = METRICS[name]
        yield name, metric.unit.value, found.value, held and held.value, found.why, metric.formula


def _months(summary: Summary) -> Iterable[Sequence[Any]]:
    return ((year.year, *year.months, year.whole) for year in summary.years)
