"""`warden backtest sweep`: for people and programs, on a file of candles and on the simulated market."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from backtest.outcomes import read
from core.canonical import JSON
from core.time import show_time
from desk.home import Home
from models.validation.trials import TrialsOnDisk
from tests.api.terminal import Told, warden
from tests.desk.desks import fresh_home
from tests.models.builders import walk

BARS = walk(300)
COLUMNS = ("open", "high", "low", "close", "volume")
PARAMS = ("--param", "fast=5:10:5", "--param", "slow=8,20")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("candles") / "btc.csv"
    with path.open("w", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(["date", *COLUMNS])
        for k in range(len(BARS)):
            stamp = show_time(int(BARS.open_ns[k])).replace(" ", "T")
            rows.writerow(
                [stamp, *(repr(float(getattr(BARS, c)[k])) for c in ("open", "high", "low", "close", "volume"))]
            )
    return path


def sweep(home: Home, file: Path, *words: str, strategy: str = "trend") -> Told:
    return warden(home, "backtest", "sweep", strategy, "--candles", str(file), *words)


@pytest.fixture(scope="module")
def told(file: Path) -> Iterator[tuple[Home, JSON]]:
    with fresh_home() as home:
        said = sweep(home, file, *PARAMS, "--json")
        assert (said.code, said.err) == (0, "")
        yield home, said.json


def test_the_best_sets_are_told_with_their_costs_and_their_luck(told: tuple[Home, JSON]) -> None:
    home, found = told
    assert (found["sets"], found["trials"], found["symbols"]) == (3, 3, ["BTC/USDT"])
    assert found["left_out"] == {"fast: expected fewer bars than slow": 1}
    assert found["terms"]["fee"] == 0.001
    best = found["best"][0]
    assert set(best["parameters"]) == {"fast", "slow"}
    assert best["sharpe"] >= found["best"][-1]["sharpe"]
    assert 0 <= best["deflated"] <= 1
    assert len(TrialsOnDisk(home.trials).of(found["study"])) == 3


def test_the_best_one_is_kept_and_its_report_is_of_as_many_trials(told: tuple[Home, JSON]) -> None:
    home, found = told
    kept = read(Path(found["kept"]))
    assert kept.outcome.parameters == found["best"][0]["parameters"]
    assert kept.outcome.trials == 3
    assert kept.outcome.equity[-1] == found["best"][0]["equity"]
    assert warden(home, "backtest", "report", found["kept"], "--json").code == 0


def test_people_see_a_table_and_every_set_goes_into_a_file(home: Home, file: Path, tmp_path: Path) -> None:
    out = tmp_path / "sets.csv"
    said = sweep(home, file, *PARAMS, "--csv", str(out), "--limits", "desk", "--short")
    assert (said.code, said.err) == (0, "")
    assert "3 sets of trend; 3 trials so far" in said.out
    assert "1 set left out" in said.out
    assert "bought and held" in said.out
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [(row["fast"], row["slow"]) for row in rows] == [("5", "8"), ("5", "20"), ("10", "20")]


def test_walk_forward_is_told_by_part_and_kept_with_the_sets_of_the_newest(home: Home, file: Path) -> None:
    told = sweep(home, file, *PARAMS, "--walk-forward", "3", "--json")
    assert (told.code, told.err) == (0, "")
    found = told.json
    assert [part["sets"] for part in found["parts"]] == [3, 3, 3]
    assert found["trials"] == 10
    assert found["parts"][1]["learnt_from"] < found["parts"][1]["from"] < found["parts"][1]["until"]
    kept = read(Path(found["kept"]))
    assert kept.tried is not None
    assert len(kept.tried.sharpe) == 3
    page = home.path / "page.html"
    assert warden(home, "backtest", "report", found["kept"], "--out", str(page)).code == 0
    assert "What it was picked from" in page.read_text()
    said = sweep(home, file, *PARAMS, "--walk-forward", "2", "--window", "4d")
    assert "trend in 2 parts, each traded on sets picked before it" in said.out


def test_a_search_asks_for_some_of_the_sets_and_keeps_them_in_its_own_file(home: Home, file: Path) -> None:
    words = ("--param", "fast=2:19:1", "--param", "slow=20:60:1", "--optimise", "12", "--json")
    first = sweep(home, file, *words)
    assert (first.code, first.err) == (0, "")
    assert 1 <= first.json["sets"] <= 12 == len(first.json["best"]) + 7
    assert home.searches.is_file()
    assert sweep(home, file, *words).json["sets"] > first.json["sets"]


def test_the_simulated_market_can_be_swept(home: Home) -> None:
    words = ("--market", "simulated", "--timeframe", "1h", "--to", "2026-02-01", "--best", "1", "--json")
    said = warden(home, "backtest", "sweep", "breakout", *words)
    assert (said.code, said.err) == (0, "")
    assert len(said.json["best"]) == 1


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--param", "quick=5"), "unknown parameter quick"),
        (("--param", "fast"), "NAME=FIRST:LAST:STEP"),
        (("--param", "slow=4000"), "needs 4000 bars, found 300"),
        (("--from", "2030-01-01"), "no bar is left"),
        (("--from", "2024-01-02", "--to", "2024-01-01"), "is not before --to"),
        (("--to", "1999-01-01"), "no bar of BTC/USDT had closed"),
        (("--capital", "0"), "capital is more than 0"),
        (("--fee", "-0.1"), "fee is a fraction"),
        (("--slippage", "-1"), "slippage is a fraction"),
        (("--timeframe", "4h"), "holds 1h bars"),
        (("--limits", "none"), "--limits is desk or plain"),
        (("--walk-forward", "200", "--from", "2021-05-10"), "too few to walk forward in 200 parts"),
        (("--window", "4d"), "it goes with --walk-forward"),
        (("--walk-forward", "3", "--window", "1h"), "two are the least"),
        (("--walk-forward", "3", "--csv", "x.csv"), "--walk-forward makes one for each part"),
        (("--optimise", "0"), "1 to 100,000 sets"),
        (("--optimise", "5", "--workers", "2"), "takes one worker"),
        (("--symbol", "A/USDT", "--symbol", "B/USDT"), "each file says whose it is"),
    ],
)
def test_what_cannot_be_swept_is_one_sentence(home: Home, file: Path, words: tuple[str, ...], found: str) -> None:
    sweep(home, file, *words).refused(found)
    assert not home.trials.exists()


def test_a_file_that_is_not_there_is_one_sentence(home: Home, tmp_path: Path) -> None:
    sweep(home, tmp_path / "none.csv").refused("there is no file")


def funding_file(path: Path, *, hours: int = 300, missing: int = 0) -> Path:
    """A rate of 0.1 % every 8 hours; without the last so many."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    times = [int(BARS.open_ns[0]) // 10**9 + 3600 * hour for hour in range(0, hours + 1, 8)]
    times = times[: len(times) - missing]
    pq.write_table(pa.table({"time": times, "rate": [0.001] * len(times)}), path)
    return path


def test_funding_is_charged_for_what_is_held_when_it_is_due(home: Home, file: Path, tmp_path: Path) -> None:
    rates = funding_file(tmp_path / "funding.parquet")
    words = ("--param", "fast=5", "--param", "slow=20", "--csv", str(tmp_path / "sets.csv"))
    funded = sweep(home, file, *words, "--funding", str(rates), "--json")
    assert (funded.code, funded.err) == (0, "")
    best = funded.json["best"][0]
    assert best["funding"] > 0
    free = sweep(home, file, *words, "--json").json["best"][0]
    assert free["funding"] == 0
    assert best["equity"] < free["equity"]


def test_rates_that_do_not_cover_the_bars_are_refused(home: Home, file: Path, tmp_path: Path) -> None:
    short = funding_file(tmp_path / "short.parquet", missing=3)
    sweep(home, file, "--funding", str(short)).refused("has no funding rate between")
    sweep(home, file, "--funding", f"ETH/USDT={short}").refused("once for each of BTC/USDT")
    sweep(home, file, "--funding", str(file)).refused("allowed is a file of funding rates")
    sweep(home, file, "--funding", str(tmp_path / "none")).refused("there is no file")


def test_a_working_strategy_is_replayed_and_told_like_a_sweep(home: Home, file: Path) -> None:
    words = ("--from", "2021-05-13", "--param", "quote=100,200", "--param", "every=1d")
    said = sweep(home, file, *words, "--json", strategy="dca")
    assert (said.code, said.err) == (0, "")
    assert (said.json["sets"], said.json["trials"]) == (2, 2)
    assert read(Path(said.json["kept"])).outcome.name == "dca"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--fee", "0.002"), "replayed by the desk itself: instead of --fee"),
        (("--slippage", "0.002"), "instead of --slippage execution.paper.slippage says it"),
        (("--short",), "trades spot"),
        (("--walk-forward", "3"), "are for targets"),
        (("--symbol", "A/USDT", "--symbol", "B/USDT"), "trades one symbol"),
    ],
)
def test_what_the_desk_cannot_be_told_is_one_sentence(
    home: Home, file: Path, words: tuple[str, ...], found: str
) -> None:
    sweep(home, file, *words, strategy="dca").refused(found)
