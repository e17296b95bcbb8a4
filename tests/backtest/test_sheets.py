"""CSV: a row for everything, and no name that a spreadsheet would run."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from backtest.sheets import write
from backtest.summary import summarised
from tests.backtest.builders import spans_of, traded
from tests.models.builders import walk
from tools.simulation.outcome import Outcome

MADE = traded(walk(24 * 60), spans_of(24 * 60, 20))


def sheets(outcome: Outcome, folder: Path) -> dict[str, list[dict[str, str]]]:
    found = {}
    for path in write(summarised(outcome, draws=20), folder):
        with path.open(encoding="utf-8", newline="") as file:
            found[path.stem] = list(csv.DictReader(file))
    return found


def test_everything_has_its_row(tmp_path: Path) -> None:
    found = sheets(MADE, tmp_path / "new")
    assert {name: len(rows) for name, rows in found.items()} == {
        "equity": len(MADE.equity),
        "trades": 20,
        "figures": 22,
        "months": 1,
    }
    assert float(found["equity"][-1]["equity"]) == MADE.equity[-1]
    assert sum(float(row["profit"]) for row in found["trades"]) == pytest.approx(sum(t.profit for t in MADE.trades))
    assert found["trades"][0]["reason"] == "signal"
    assert found["equity"][0]["close"].endswith("Z")


def test_what_is_not_measured_is_empty_and_says_why(tmp_path: Path) -> None:
    figures = {row["name"]: row for row in sheets(replace(MADE, trades=()), tmp_path)["figures"]}
    assert (figures["win_rate"]["value"], figures["win_rate"]["why"]) == ("", "no trade was made")


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "@sum", "-cmd"])
def test_a_name_that_a_spreadsheet_would_run_is_quoted(name: str, tmp_path: Path) -> None:
    trades = tuple(replace(one, strategy=name) for one in MADE.trades)
    assert sheets(replace(MADE, trades=trades), tmp_path)["trades"][0]["strategy"] == f"'{name}"
