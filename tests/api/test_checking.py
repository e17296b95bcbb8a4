"""`warden backtest check`: a verdict a line for people and programs, and an exit code for whoever builds on it."""

import json
from pathlib import Path

import pytest

from backtest import templates
from backtest.checks.lines import Ask
from core.time import show_time
from desk.home import Home
from tests.api.terminal import Told, warden
from tests.backtest.checks.builders import BAD, HONEST, strategy
from tests.models.builders import walk

BARS = walk(400)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("candles") / "btc.csv"
    rows = zip(BARS.open_ns.tolist(), BARS.open, BARS.high, BARS.low, BARS.close, BARS.volume * 1e6, strict=True)
    lines = [",".join([show_time(ns), *(repr(float(one)) for one in row)]) for ns, *row in rows]
    path.write_text("date,open,high,low,close,volume\n" + "\n".join(lines) + "\n")
    return path


def check(home: Home, file: Path, named: str, *words: str) -> Told:
    return warden(home, "backtest", "check", named, "--candles", str(file), "--signals", "20", *words)


def test_a_person_sees_a_verdict_for_every_question(home: Home, file: Path) -> None:
    told = check(home, file, "trend", "--param", "fast=5", "--param", "slow=20")
    assert (told.code, told.err) == (0, "")
    for ask in Ask:
        assert ask.value in told.out
    for words in ("✓ passed", "✗ failed", "- not measured", "--param NAME=RANGE", "warden backtest report"):
        assert words in told.out


def test_a_program_is_told_the_same_and_trials_are_counted(home: Home, file: Path) -> None:
    told = check(home, file, "trend", "--param", "fast=5,10", "--param", "slow=20,30", "--json")
    assert (told.code, told.err) == (0, "")
    found = told.json
    assert [one["check"] for one in found["checks"]] == [ask.value for ask in Ask]
    assert found["honest"] is True
    assert found["regressions"] is None
    assert found["trials"] == len(home.trials.read_text().splitlines())
    report = warden(home, "backtest", "report", found["kept"], "--json").json
    assert report["trials"] == found["trials"]


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_what_looks_ahead_ends_with_one_and_without_a_figure(
    home: Home, file: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    base = tmp_path / "base.json"
    told = check(home, file, strategy(tmp_path, BAD["the next close"]), "--save", str(base), *words)
    assert told.code == 1
    assert "it looks ahead" in told.out
    assert not base.exists()
    assert not home.trials.exists()
    assert not home.backtests.exists()


def test_a_strategy_that_became_worse_than_its_baseline_ends_with_one(home: Home, file: Path, tmp_path: Path) -> None:
    base = tmp_path / "base.json"
    own = strategy(tmp_path, HONEST)
    assert check(home, file, own, "--save", str(base)).code == 0
    again = check(home, file, own, "--baseline", str(base))
    assert (again.code, again.err) == (0, "")
    assert "nothing is worse" in again.out
    strategy(tmp_path, HONEST.replace("1.0, 0.0", "-1.0, 1.0"))
    other = check(home, file, own, "--baseline", str(base), "--short")
    assert "other bars or terms" in other.out
    strategy(tmp_path, HONEST.replace("close >", "close <").replace("1.0, 0.0", "1.0 - (np.arange(n) % 3) / 2, 1.0"))
    worse = check(home, file, own, "--baseline", str(base), "--json")
    assert worse.code == 1
    assert worse.json["regressions"]
    assert json.loads(base.read_text())["strategy"] == "own.py"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("        raise RuntimeError('lost')", "failed: RuntimeError: lost, in own.py line 11"),
        ("        return np.full(n, np.nan)", "no NaN after its look-back"),
        ("        close[:] = 1\n        return np.ones(n)", "changes its input"),
    ],
)
def test_a_strategy_that_is_none_is_one_sentence(home: Home, file: Path, tmp_path: Path, lines: str, said: str) -> None:
    check(home, file, strategy(tmp_path, lines), "--json").refused(said)
    assert not home.trials.exists()


def test_what_cannot_be_checked_is_one_sentence(home: Home, file: Path, tmp_path: Path) -> None:
    for words, said in (
        (("--baseline", str(tmp_path / "none.json")), "cannot be read"),
        (("--param", "quick=1"), "unknown parameter quick"),
        (("--capital", "0"), "capital is more than 0"),
        (("--from", "2030-01-01"), "no bar is left"),
    ):
        check(home, file, "trend", *words).refused(said)


def test_a_strategy_and_its_workflow_are_written_into_the_working_folder_and_never_over(home: Home) -> None:
    told = warden(home, "backtest", "new", "mine", "--workflow", "--json")
    assert (told.code, told.err) == (0, "")
    assert told.json["written"] == ["mine.py", str(templates.WORKFLOW)]
    assert (home.path / "mine.py").is_file()
    warden(home, "backtest", "new", "mine").refused("is there already")
