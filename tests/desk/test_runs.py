"""Runs: named by what they are made from, the same on every machine, one desk an account, and stopped by a file."""

import json
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from core.errors import ConfigError, DeskBusy, DeskHalted, LedgerBroken
from core.time import show_time
from desk.answering import rearm
from desk.cycles import account_state
from desk.holding import Holding
from desk.home import Home
from desk.runs import RunCommand, RunResult, open_run
from desk.settings import Settings
from memory.books.words import RunState
from tests.desk.desks import (
    BUYS_BOTH,
    BUYS_ETH,
    BUYS_NOTHING,
    LIVELY,
    all_records,
    books_of,
    fresh_home,
    moment,
    record_hashes,
    report_of,
    rows,
    run,
    series,
    tightened,
    verified,
)

NUMPY = import_module("numpy._core._multiarray_umath")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def four_days(candles: dict[str, str]) -> RunCommand:
    """With entries, exits and a stop."""
    return series(candles, *LIVELY, every_h=6)


# What a command names


async def test_the_same_command_reports_its_finished_run(home: Home) -> None:
    first = await run(home, moment(BUYS_ETH))
    before = rows(home)
    second = await run(home, moment(BUYS_ETH))
    assert (first.reported, second.reported) == (False, True)
    assert (first.run_id, first.digest) == (second.run_id, second.digest)
    assert rows(home) == before


async def test_again_makes_another_run_that_decides_alike(home: Home) -> None:
    first, second = await run(home, moment(BUYS_ETH)), await run(home, moment(BUYS_ETH, again=1))
    assert first.run_id != second.run_id
    assert first.account_id != second.account_id
    assert not second.reported
    one, other = report_of(home, first), report_of(home, second)
    assert one["equity"] == other["equity"]
    assert one["proposals"] == other["proposals"] == 1


async def test_another_policy_makes_another_run(home: Home) -> None:
    first, second = await run(home, moment(BUYS_ETH)), await run(home, moment(BUYS_ETH), tightened(max_open_orders=3))
    assert first.run_id != second.run_id


async def test_the_same_files_elsewhere_are_the_same_run(home: Home, candles: dict[str, str], tmp_path: Path) -> None:
    moved = {symbol: str(tmp_path / Path(file).name) for symbol, file in candles.items()}
    for symbol, file in candles.items():
        Path(moved[symbol]).write_bytes(Path(file).read_bytes())
    first = await run(home, series(candles, "2026-01-20", "2026-01-20", every_h=1))
    assert (await run(home, series(moved, "2026-01-20", "2026-01-20", every_h=1))).reported
    Path(moved["BTC/USDT"]).write_bytes(Path(candles["BTC/USDT"]).read_bytes() + b"2026-03-02T00:00:00Z,1,1,1,1,1\n")
    changed = await run(home, series(moved, "2026-01-20", "2026-01-20", every_h=1))
    assert changed.run_id != first.run_id


async def test_a_series_that_ends_before_it_begins_is_refused(candles: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"--to 2026-01-19 00:00:00Z is before --from 2026-01-20 00:00:00Z"):
        series(candles, "2026-01-20", "2026-01-19", every_h=1)


@pytest.mark.parametrize(("start", "end"), [("2025-12-31", "2026-01-20"), ("2026-01-20", "2027-01-01")])
async def test_a_series_that_leaves_the_data_is_refused_before_anything_is_written(
    home: Home, candles: dict[str, str], start: str, end: str
) -> None:
    with pytest.raises(ConfigError, match="the market covers 2026-01-01 01:00:00Z to 2026-03-02 00:00:00Z"):
        await run(home, series(candles, start, end, every_h=24))
    assert not (home.path / "desk.db").exists()


async def test_the_account_is_carried_on_from_cycle_to_cycle(home: Home, four_days: RunCommand) -> None:
    seen: list[int] = []
    result = await run(home, four_days, progress=lambda done, planned: seen.append(done))
    assert result.state is RunState.FINISHED
    assert seen == list(range(result.planned + 1))
    report = report_of(home, result)
    assert report["fills"]
    assert report["equity"]["last"] != report["equity"]["start"]
    async with open_run(home, Settings(), four_days) as opened:
        held = opened.desk.books.read(lambda conn: account_state(conn, opened.desk))
    assert show_time(opened.desk.clock.now_ns()) >= "2026-02-22"
    assert held["equity"] == report["equity"]["last"]


# The same everywhere


async def test_two_empty_homes_hold_the_same_records(home: Home, four_days: RunCommand) -> None:
    with fresh_home() as other:
        one, two = await run(home, four_days), await run(other, four_days)
        assert one.digest == two.digest
        assert record_hashes(home) == record_hashes(other)
        assert len(record_hashes(home)) > one.cycles, "fired stops have records of their own"
        assert verified(home).ok


async def test_without_the_widest_instructions_a_replay_gives_the_same_hash(home: Home) -> None:
    wide = [name for name in NUMPY.__cpu_dispatch__ if name == "X86_V4" or name.startswith("AVX512")]
    here = [name for name in wide if NUMPY.__cpu_features__[name]]
    if not here:
        pytest.skip("this machine has no AVX-512 to switch off")
    await run(home, moment(BUYS_BOTH))
    with books_of(home) as books:
        (record,) = all_records(books)
    told = subprocess.run(
        [sys.executable, "-c", REPLAY, record.record_id, *here],
        env={**os.environ, "TRADEWARDEN_HOME": str(home.path), "NPY_DISABLE_CPU_FEATURES": " ".join(here)},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == {"still on": [], "replayed": record.record_hash}


REPLAY = """
import asyncio, json, sys
from numpy._core._multiarray_umath import __cpu_features__
from desk.home import Home
from desk.replay import replay
from memory.books import records
from memory.books.database import Books

with Books.open(Home.find().database_url) as books:
    record = books.read(lambda conn: records.find(conn, sys.argv[1]))
    result = asyncio.run(replay(books, record))
print(json.dumps({"still on": [n for n in sys.argv[2:] if __cpu_features__[n]], "replayed": result.replayed_hash}))
"""


# One desk an account


async def test_a_second_desk_on_the_account_is_refused(home: Home) -> None:
    command = moment(BUYS_NOTHING)
    async with open_run(home, Settings(), command) as first:
        before = rows(home)
        with pytest.raises(DeskBusy, match=f"account {first.desk.account_id} is held by desk desk-{os.getpid()}"):
            await run(home, command)
        assert rows(home) == before
        assert (await first.execute()).state is RunState.FINISHED


async def test_a_desk_that_let_go_leaves_the_account_free(home: Home) -> None:
    result = await run(home, moment(BUYS_NOTHING))
    with books_of(home) as books, Holding(books, result.account_id):
        pass
    assert (await run(home, moment(BUYS_NOTHING))).reported


async def test_two_accounts_of_one_home_do_not_wait_for_each_other(home: Home) -> None:
    async with open_run(home, Settings(), moment(BUYS_NOTHING)):
        assert (await run(home, moment(BUYS_ETH))).state is RunState.FINISHED


# The kill file


async def test_nothing_starts_while_the_kill_file_is_present(home: Home) -> None:
    home.kill_file.touch()
    with pytest.raises(DeskHalted, match=r"the kill file .* is present: nothing starts until a person removes it"):
        await run(home, moment(BUYS_NOTHING))
    assert not (home.path / "desk.db").exists()


async def _killed(home: Home, command: RunCommand, at: int) -> RunResult:
    def drop_the_file(done: int, planned: int) -> None:
        if done == at:
            home.kill_file.touch()

    return await run(home, command, progress=drop_the_file)


async def test_the_kill_file_stops_a_run_and_refuses_it_while_present(home: Home, four_days: RunCommand) -> None:
    stopped = await _killed(home, four_days, at=5)
    assert stopped.halted == "kill: the kill switch is pulled"
    assert (stopped.state, stopped.cycles) == (RunState.RUNNING, 5)
    with pytest.raises(DeskHalted, match="kill file"):
        await run(home, four_days)
    assert verified(home).ok


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="this system has no SIGUSR1")
async def test_a_signal_stops_a_run_and_leaves_the_kill_file(home: Home, four_days: RunCommand) -> None:
    def hang_up(done: int, planned: int) -> None:
        if done == 5:
            os.kill(os.getpid(), signal.SIGUSR1)

    stopped = await run(home, four_days, progress=hang_up)
    assert (stopped.halted, stopped.cycles) == ("kill: the kill switch is pulled: SIGUSR1", 5)
    assert home.kill_file.read_text() == "SIGUSR1\n"


async def test_removing_the_kill_file_is_not_enough(home: Home, four_days: RunCommand) -> None:
    await _killed(home, four_days, at=5)
    home.kill_file.unlink()
    again = await run(home, four_days)
    assert (again.halted, again.cycles) == ("kill: the kill switch is pulled", 5)


async def test_once_a_person_rearms_it_the_run_goes_on_to_its_end(home: Home, four_days: RunCommand) -> None:
    stopped = await _killed(home, four_days, at=5)
    home.kill_file.unlink()
    with books_of(home) as books:
        await rearm(home, books, stopped.account_id, None, rebase=False, by="ada", reason="drill over")
    finished = await run(home, four_days)
    assert (finished.state, finished.resumed, finished.halted) == (RunState.FINISHED, True, None)
    assert finished.cycles == finished.planned


# Books that were changed from outside


async def test_a_run_refuses_books_whose_journal_was_changed(home: Home, four_days: RunCommand) -> None:
    stopped = await _killed(home, four_days, at=5)
    home.kill_file.unlink()
    with books_of(home) as books:
        books.write(
            lambda conn: conn.exec_driver_sql("UPDATE journal SET body = replace(body, '}', ' }') WHERE sequence = 2")
        )
    before = rows(home)
    with pytest.raises(LedgerBroken, match=f"the journal is broken at {stopped.account_id}#2: was changed"):
        await run(home, four_days)
    assert rows(home) == before


async def test_checkpoints_that_are_no_database_are_refused(home: Home) -> None:
    home.make()
    home.checkpoints.write_bytes(b"no database at all, and long enough to be one" * 40)
    with pytest.raises(ConfigError, match="delete it, no order depends on it"):
        await run(home, moment(BUYS_NOTHING))
    home.checkpoints.unlink()
    assert (await run(home, moment(BUYS_NOTHING))).state is RunState.FINISHED
