"""What `warden backtest new` writes runs as it is: the strategy under sweep and check, the workflow in a shell."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from backtest import templates
from backtest.checks.lines import Ask, Verdict
from backtest.sweeps import sweep
from core.canonical import JSON
from core.errors import ConfigError
from desk.compute import Here
from models.validation.trials import TrialsInMemory
from tests.backtest.checks.builders import MARKET, TERMS, checked, waves
from tools.strategies.targets import named, names


@pytest.fixture
def own(tmp_path: Path) -> str:
    return str(templates.write(tmp_path, "my_own", with_workflow=False)[0])


def test_the_strategy_is_swept_as_it_is(own: str) -> None:
    over = {"bars": (5.0, 20.0, 60.0), "calm": (0.001, 0.02)}
    found = sweep(MARKET, own, over, TERMS, ledger=TrialsInMemory(), compute=Here())
    assert len(found.sets) == 6
    assert found.best[0].outcome.trades


def test_the_strategy_knows_nothing_later_and_has_an_edge_where_there_is_one(own: str) -> None:
    found = checked(own, {"bars": (6.0,)}, market=waves())
    assert found.honest, found.lines
    assert found.line(Ask.WARM_UP).figures["bars"] <= 7
    assert found.line(Ask.RANDOM).verdict is Verdict.PASSED


def test_the_class_is_named_after_the_file_and_refuses_what_makes_no_sense(own: str) -> None:
    making: Any = named(own)
    assert making.__name__ == "MyOwn"
    assert names(making) == ("bars", "calm")
    with pytest.raises(ConfigError, match="bars: 2 or more"):
        checked(own, {"bars": (1.0,)})


@pytest.mark.parametrize("name", ["", "1st", "My", "a-b", "../a", "a" * 41])
def test_a_name_that_no_module_has_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="small letters"):
        templates.write(tmp_path, name, with_workflow=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["trend", "class", "json", "numpy"])
def test_a_name_that_is_something_else_already_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{name} is the name of something else"):
        templates.write(tmp_path, name, with_workflow=False)
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_over_and_nothing_is_written_by_half(tmp_path: Path) -> None:
    templates.write(tmp_path, "one", with_workflow=True)
    with pytest.raises(ConfigError, match="is there already"):
        templates.write(tmp_path, "one", with_workflow=False)
    with pytest.raises(ConfigError, match="is there already"):
        templates.write(tmp_path, "two", with_workflow=True)
    assert not (tmp_path / "two.py").exists()


# The workflow.


def steps(folder: Path) -> JSON:
    return yaml.safe_load((folder / templates.WORKFLOW).read_text())["jobs"]["check"]


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    """The check step as a runner would run it, with this interpreter's `warden`."""
    job = steps(folder)
    step = next(one for one in job["steps"] if one.get("name") == "check")
    assert step["shell"] == "bash"
    found = {"WARDEN_BARS": job["env"]["WARDEN_BARS"], "TRADEWARDEN_HOME": str(folder / ".warden")}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        [shutil.which("bash") or "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env={**os.environ, **found, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    templates.write(tmp_path, "mine", with_workflow=True)
    (tmp_path / "helper.py").write_text("raise SystemExit('this is no strategy')\n")
    return tmp_path


def test_the_workflow_installs_checks_and_passes_what_is_honest(repository: Path) -> None:
    assert [one.get("run") for one in steps(repository)["steps"]][2] == "pip install tradewarden"
    done = run(repository)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mine.py" in done.stdout
    assert "helper.py" not in done.stdout


def test_the_workflow_fails_on_a_regression_and_on_look_ahead(repository: Path) -> None:
    base = ("backtest", "check", "mine.py", *steps(repository)["env"]["WARDEN_BARS"].split())
    file = repository / "mine.py"
    source = file.read_text()
    environment = {**os.environ, "TRADEWARDEN_HOME": str(repository / ".warden")}
    saved = subprocess.run(
        [str(Path(sys.executable).parent / "warden"), *base, "--save", "mine.baseline.json"],
        cwd=repository,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert saved.returncode == 0, saved.stderr
    same = run(repository)
    assert same.returncode == 0, same.stdout + same.stderr
    assert "nothing is worse" in same.stdout
    file.write_text(source.replace("close[n:] > close[:-n]", "np.arange(len(close) - n) % 2 == 0"))
    worse = run(repository)
    assert worse.returncode == 1, worse.stdout
    assert "worse than mine.baseline.json" in worse.stdout
    (repository / "mine.baseline.json").unlink()
    file.write_text(source.replace("close[n:] > close[:-n]", "close[n:] < close[-1]"))
    ahead = run(repository)
    assert ahead.returncode == 1
    assert "it looks ahead" in ahead.stdout
