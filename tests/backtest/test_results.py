"""The page of what strategies and the desk came to tells what is in its cache, and no more."""

import json
from pathlib import Path

import pytest

from backtest.summary import summarised, told
from bench.results import cells_of
from bench.results_cells import DESK, LIMITS, MARKETS, NEWS, READINGS, REARMS, SENTIMENT, STRATEGIES, Cell, terms_of
from bench.results_page import NOT_MEASURED, page
from risk.settings import RiskSettings
from tests.backtest.builders import outcome, walk_of


def test_what_was_not_measured_says_so(tmp_path: Path) -> None:
    rows = [line for line in page(tmp_path).splitlines() if line.startswith("| ") and NOT_MEASURED in line]
    walked = len(STRATEGIES) * len(MARKETS)
    assert len(rows) == walked * len(LIMITS) + walked + len(READINGS) * len(SENTIMENT)
    assert f"Re-armed {', '.join(REARMS)}: {NOT_MEASURED}." in page(tmp_path)


def test_a_cell_that_was_measured_stands_in_its_row(tmp_path: Path) -> None:
    found = told(summarised(outcome(walk_of(800)), draws=20))
    windows = {name: {"ours": 0.1, "held": None} for name in ("May 2021", "2022")}
    cell = Cell("trend", "BTC/USDT", "plain")
    (tmp_path / cell.file).write_text(json.dumps({**found, "windows": windows, "deflated": 0.25, "efficiency": None}))
    row = next(line for line in page(tmp_path).splitlines() if line.startswith("| trend | plain |") and "%" in line)
    assert row.endswith("| 0.25 | — |")
    assert f"| {found['figures']['sharpe']['value']:.2f} " in row


def test_every_cell_has_a_file_of_its_own_and_strategies_come_first() -> None:
    cells = cells_of([*STRATEGIES, NEWS, DESK])
    assert len({cell.file for cell in cells}) == len(cells)
    assert [cell.name for cell in cells][-len(REARMS) :] == [DESK] * len(REARMS)
    assert {cell.name for cell in cells_of(["trend"])} == {"trend"}


@pytest.mark.parametrize("limits", LIMITS)
def test_limits_are_those_of_the_standard_policy(limits: str) -> None:
    terms, policy = terms_of(limits), RiskSettings()
    assert bool(terms.tiers) == ("tiers" in limits)
    assert terms.max_asset == (float(policy.max_asset_exposure) if "caps" in limits else 1.0)
    assert (terms.rearm_bars == 0) == (limits == "plain" or "never" in limits)
