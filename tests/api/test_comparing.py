"""`warden backtest compare`: a paper period beside its replay, and what its fills cost fed back into a sweep."""

import json
from pathlib import Path

import pytest

from backtest.outcomes import read
from core.canonical import JSON
from desk.home import Home
from tests.api.terminal import Told, warden
from tests.desk.desks import write_hourly_candles

WINDOW = ("--from", "2026-02-18", "--to", "2026-02-20", "--every", "6h")


def paper(home: Home, files: dict[str, str], verb: tuple[str, ...]) -> JSON:
    named = [word for symbol, file in files.items() for word in ("--candles", f"{symbol}={file}")]
    told = warden(home, *verb, *WINDOW, "--symbols", ",".join(files), *named, "--json")
    assert (told.code, told.err) == (0, "")
    return told.json


def compared(home: Home, live: str, replay: str, *words: str) -> Told:
    return warden(home, "backtest", "compare", live, replay, *words)


@pytest.fixture
def live(home: Home, tmp_path: Path) -> tuple[dict[str, str], str]:
    files = write_hourly_candles(tmp_path)
    return files, paper(home, files, ("run", "--market", "recorded"))["account"]


def test_a_replay_of_the_same_candles_has_no_difference(home: Home, live: tuple[dict[str, str], str]) -> None:
    files, account = live
    file = paper(home, files, ("backtest", "desk"))[0]["file"]
    told = compared(home, account, file)
    assert (told.code, told.err) == (0, "")
    assert "9 decisions in both, 9 of them without a difference" in told.out
    assert "✓ no difference" in told.out


def test_what_differs_is_explained_and_what_fills_cost_is_fed_back(
    home: Home, live: tuple[dict[str, str], str], tmp_path: Path
) -> None:
    files, account = live
    file = paper(home, files, ("backtest", "desk", "--slippage", "0.002"))[0]["file"]
    slip = tmp_path / "slip.json"
    told = compared(home, account, file, "--save-slippage", str(slip), "--json")
    assert (told.code, told.err) == (0, "")
    found = told.json
    prices = [one for one in found["differences"] if one["kind"] == "price"]
    assert prices
    assert all("slippage of" in one["why"] for one in prices)
    assert found["cost"]["price"] < 0  # the replay paid more
    assert found["measured"]["all"]["slippage"] == json.loads(slip.read_text())["slippage"]
    words = ("backtest", "sweep", "trend", "--market", "simulated", "--json", "--slippage", str(slip))
    assert warden(home, *words).json["terms"]["slippage"] == found["measured"]["all"]["slippage"]
    again = paper(home, files, ("backtest", "desk", "--slippage", str(slip)))[0]["file"]
    assert read(Path(again)).outcome.costs["slippage"] == pytest.approx(found["measured"]["all"]["slippage"])
    assert again != file
    shown = compared(home, account, file)
    assert "the settings of the two differ" in shown.out
    assert "price:" in shown.out


def test_what_cannot_be_compared_is_one_sentence(home: Home, live: tuple[dict[str, str], str], tmp_path: Path) -> None:
    _, account = live
    compared(home, account, account).refused("a run has no difference to itself")
    compared(home, account, "nobody").refused("found no run or account 'nobody'", account)
    compared(home, account, str(tmp_path / "none.outcome.npz")).refused("cannot be read")
    compared(home, account, account, "--within", "soon").refused("'soon'")
    swept = warden(home, "backtest", "sweep", "trend", "--market", "simulated", "--json").json["kept"]
    compared(home, account, swept).refused("is of a sweep, which decides nothing")
    warden(home, "backtest", "sweep", "trend", "--slippage", "measured").refused("slippage is a fraction, or a file")
    desk = ("backtest", "desk", *WINDOW, "--market", "simulated")
    for word, said in (("measured", "a fraction, or a file"), ("-1", "found -1"), ("nan", "found nan")):
        warden(home, *desk, "--slippage", word).refused(said)
