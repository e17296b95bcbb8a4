"""kill -9 in the middle of a run: the same command finishes it as if nothing had been, and the journal holds."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import pytest

from desk.home import Home
from desk.runs import RunCommand, RunResult
from memory.books.words import RunState
from tests.desk.crashing import count_tasks, die_at
from tests.desk.desks import LIVELY, fresh_home, record_hashes, report_of, run, series, verified

DRAW = Random(2021)
# Parts of the run, in thousandths: one in each third, so that no draw leaves a stretch of it untried.
MOMENTS = [333 * third + DRAW.randrange(333) for third in range(3)]


@dataclass(frozen=True)
class Whole:
    """The run as it goes when nobody ends it."""

    command: RunCommand
    tasks: int
    last: int
    result: RunResult
    records: list[tuple[str, str]]
    fills: list[dict[str, str]]


@pytest.fixture(scope="module")
def whole(candles: dict[str, str]) -> Iterator[Whole]:
    command = series(candles, *LIVELY, every_h=6)
    with fresh_home() as home:
        tasks, last = count_tasks(home, command)
        result = asyncio.run(run(home, command))
        report = report_of(home, result)
        assert report["stops_fired"]
        assert report["proposals"] >= 3
        yield Whole(command, tasks, last, result, record_hashes(home), report["fills"])


def finish(home: Home, whole: Whole) -> RunResult:
    """The same command again, at once, and everything that must be as if it had never been killed."""
    result = asyncio.run(run(home, whole.command))
    assert (result.state, result.digest) == (RunState.FINISHED, whole.result.digest)
    assert record_hashes(home) == whole.records
    assert report_of(home, result)["fills"] == whole.fills
    assert verified(home).ok
    return result


@pytest.mark.parametrize("thousandth", MOMENTS)
def test_a_killed_run_is_finished_with_the_same_digest(home: Home, whole: Whole, thousandth: int) -> None:
    die_at(home, whole.command, max(1, whole.tasks * thousandth // 1000))
    assert verified(home).ok
    assert finish(home, whole).resumed


def test_a_run_killed_before_its_first_word_is_begun_anew(home: Home, whole: Whole) -> None:
    die_at(home, whole.command, 1)
    assert not finish(home, whole).resumed


@pytest.mark.parametrize("before_the_end", range(1, 5))
def test_a_run_killed_at_its_last_words_is_finished(home: Home, whole: Whole, before_the_end: int) -> None:
    assert whole.last > before_the_end
    die_at(home, whole.command, whole.last - before_the_end, closed=whole.result.cycles)
    finish(home, whole)


def test_a_run_killed_again_and_again_is_finished_with_the_same_digest(home: Home, whole: Whole) -> None:
    for _ in range(2):
        # A resumed run has less to do: a fifth of the whole, wherever it goes on, stays clear of its end.
        die_at(home, whole.command, whole.tasks // 5)
        assert verified(home).ok
    assert finish(home, whole).resumed


def test_without_its_checkpoints_a_killed_run_is_finished_with_the_same_digest(home: Home, whole: Whole) -> None:
    die_at(home, whole.command, whole.tasks // 2)
    assert home.checkpoints.exists()
    for file in home.path.glob("checkpoints.db*"):
        file.unlink()
    assert finish(home, whole).resumed
