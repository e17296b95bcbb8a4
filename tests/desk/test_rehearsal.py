"""A rehearsal goes to its end: without cycles while the desk is halted, and with an attendant if one was asked for."""

from dataclasses import replace
from decimal import Decimal

import pytest

from core.canonical import JSON
from core.errors import ConfigError
from core.time import HOUR_NS
from desk import rehearsal
from desk.home import Home
from desk.outcome import halted
from desk.rehearsal import ATTENDANT, Rehearsal
from desk.replay import replay
from desk.runs import RunCommand, RunResult, latest_run
from desk.settings import Settings
from memory.books import journal
from memory.books.words import RunState
from tests.desk.desks import BUYS_ETH, LIVELY, all_records, body_of, books_of, moment, run, series


def nervous() -> Settings:
    """A desk that a loss of 0.1 % in a day halts until somebody re-arms it."""
    settings = Settings()
    breakers = tuple(
        breaker.model_copy(update={"at": Decimal("0.001")}) if breaker.name == "day_halt" else breaker
        for breaker in settings.risk.breakers
    )
    return settings.model_copy(update={"risk": settings.risk.model_copy(update={"breakers": breakers})})


def rehearsed(candles: dict[str, str], rearm_h: int | None, *without: str) -> RunCommand:
    wanted = Rehearsal.of(without, None if rearm_h is None else rearm_h * HOUR_NS)
    return replace(series(candles, *LIVELY, every_h=6), rehearsal=wanted)


def rearms(home: Home, result: RunResult) -> list[JSON]:
    with books_of(home) as books:
        return list(books.read(lambda conn: journal.bodies(conn, result.account_id, "rearmed")))


async def test_without_an_attendant_a_halt_stands_to_the_end_and_its_cycles_are_left_out(
    home: Home, candles: dict[str, str]
) -> None:
    result = await run(home, rehearsed(candles, None), nervous())
    assert (result.state, result.halted) == (RunState.FINISHED, None)
    assert 0 < result.cycles < result.planned
    assert rearms(home, result) == []


async def test_an_attendant_re_arms_under_its_own_name_and_is_counted(home: Home, candles: dict[str, str]) -> None:
    never = await run(home, rehearsed(candles, None), nervous())
    attended = await run(home, rehearsed(candles, 12), nervous())
    assert never.cycles < attended.cycles < attended.planned
    assert {told["by"] for told in rearms(home, attended)} == {ATTENDANT}
    with books_of(home) as books:
        counted = books.read(lambda conn: rehearsal.rearmed(conn, attended.account_id))
        run_of = books.read(lambda conn: latest_run(conn, attended.account_id))
        told = books.read(lambda conn: halted(conn, run_of))
    assert counted == len(rearms(home, attended)) == told["rearmed"] > 0
    # Whatever was re-armed had tripped before.
    assert told["tripped"] >= told["rearmed"]


async def test_a_rehearsal_that_was_killed_goes_on_to_the_same_end(home: Home, candles: dict[str, str]) -> None:
    command = rehearsed(candles, 12)
    whole = await run(home, command, nervous())

    class Killed(Exception):
        pass

    def dies(done: int, planned: int) -> None:
        if done == planned // 2:
            raise Killed

    with pytest.raises(Killed):
        await run(home, replace(command, again=1), nervous(), dies)
    resumed = await run(home, replace(command, again=1), nervous())
    assert resumed.resumed
    assert (resumed.cycles, len(rearms(home, resumed))) == (whole.cycles, len(rearms(home, whole)))


@pytest.mark.parametrize("stage", rehearsal.STAGES)
async def test_a_stage_that_is_left_out_abstains_and_its_record_replays(home: Home, stage: str) -> None:
    result = await run(home, replace(moment(BUYS_ETH), rehearsal=Rehearsal.of([stage], None)))
    assert result.cycles == 1
    with books_of(home) as books:
        [record] = all_records(books)
        body = body_of(books, record)
        again = await replay(books, record)
    assert {one["reason"] for one in body[stage]["abstentions"]} == {"left out of this rehearsal"}
    assert len(body[stage]["abstentions"]) == 2
    assert again.first_difference is None
    assert again.replayed_hash == record.record_hash


def test_what_cannot_be_left_out_is_named() -> None:
    with pytest.raises(ConfigError, match="--without plan: a replay can leave out research, sentiment, forecast"):
        Rehearsal.of(["plan"], None)
    with pytest.raises(ConfigError, match="--rearm takes a duration above zero, or never"):
        Rehearsal.of([], 0)


def test_a_rehearsal_names_its_run_and_a_command_without_one_keeps_its_name(candles: dict[str, str]) -> None:
    plain = series(candles, *LIVELY, every_h=6)
    assert "rehearsal" not in plain.arguments()
    assert rehearsed(candles, 12).arguments() != rehearsed(candles, None).arguments() != plain.arguments()
