"""Challengers: taught at their time on what was known then, once, and never with a vote; drift closes the desk."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from core.errors import ConfigError
from core.time import DAY_NS, HOUR_NS
from desk import modelling, retraining
from desk.build import Desk
from desk.forecasters import Forecasters, find
from desk.home import Home
from desk.markets import MarketSpec
from desk.retraining import KIND, Retraining, scheduled
from desk.runs import RunCommand
from desk.settings import Settings, parse
from execution import incidents
from memory.books import journal
from memory.books.words import IncidentKind, RecordKind
from models.registry import Registry, State
from models.validation.drift import monday_of
from tests.desk.desks import SYMBOLS, all_records, body_of, books_of, desk_at, fresh_home, run, simulated
from tests.desk.models import NOW_NS, SEED, TAUGHT_NS, hourly, promote, teach, wilder

FIVE_DAYS = parse({"models": {"retrain_every": "5d"}}, "the test")
DUE_NS = TAUGHT_NS + 5 * DAY_NS
MONDAY_NS = int(monday_of(np.array([NOW_NS]))[0])


def over_the_time(again: int = 0) -> RunCommand:
    """One cycle before a challenger is due, and one after."""
    return RunCommand.series(
        MarketSpec("simulated", SYMBOLS, SEED), DUE_NS - HOUR_NS, DUE_NS + HOUR_NS, 2 * HOUR_NS, again
    )


def shadows(home: Home) -> list[set[str]]:
    """Who was asked about bitcoin in the shadow, cycle by cycle, whether it spoke or abstained."""
    with books_of(home) as books:
        bodies = [body_of(books, record) for record in all_records(books, RecordKind.DECISION)]
    outlooks = [body["forecast"]["outlooks"][0] for body in bodies]
    spoke = [{line["name"] for line in one["lines"] if line["shadow"]} for one in outlooks]
    silent = [{told["reason"].partition(" (shadow)")[0] for told in one["silent"]} for one in outlooks]
    return [each | others for each, others in zip(spoke, silent, strict=True)]


def upkeep(home: Home) -> list[str]:
    """What incidents about models were told."""
    with books_of(home) as books:
        streams = {record.account_id for record in all_records(books)} | {"paper"}
        entries = [e for one in sorted(streams) for e in books.read(lambda conn, s=one: journal.entries(conn, s))]
    told = [entry.body for entry in entries if entry.kind == "incident"]
    return [f"{one['subject']}: {one['detail']}" for one in told if one["kind"] == IncidentKind.MODEL_UPKEEP]


# At its time


async def test_a_challenger_is_taught_at_its_time_and_speaks_in_the_shadow_from_then_on(home: Home) -> None:
    first = teach(home)
    await run(home, over_the_time(), FIVE_DAYS)
    first, challenger = Registry(home.models).versions()
    assert (challenger.version, challenger.state, challenger.made_ns) == ("tides-2", State.SHADOW, DUE_NS)
    card, like = (Registry(home.models).load(one).card for one in (challenger, first))
    assert card.trained_until_ns <= DUE_NS
    assert (card.seed, card.features, card.horizon) == (like.seed, like.features, like.horizon)
    assert card.notes["changes"] == like.notes["changes"]
    assert shadows(home) == [{"tides-1"}, {"tides-1", "tides-2"}]


async def test_the_same_run_gives_the_same_model_and_the_same_records(home: Home) -> None:
    digests = []
    with fresh_home() as elsewhere:
        for one in (home, elsewhere):
            teach(one)
            result = await run(one, over_the_time(), FIVE_DAYS)
            digests.append((result.digest, [v.digest for v in Registry(one.models).versions()]))
    assert digests[0] == digests[1]


async def test_what_was_taught_once_is_not_taught_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    teach(home)
    await run(home, over_the_time(), FIVE_DAYS)
    monkeypatch.setattr(modelling, "train", lambda *args, **kept: pytest.fail("trained again"))
    await run(home, over_the_time(again=1), FIVE_DAYS)
    assert len(Registry(home.models).versions()) == 2
    spoke = shadows(home)
    assert sorted(map(len, spoke)) == [1, 1, 2, 2], "the second run hears who was there at each of its moments"


async def test_a_desk_that_comes_second_takes_what_the_first_one_taught(home: Home) -> None:
    teach(home)
    async with desk_at(home, simulated(SEED), DUE_NS, FIVE_DAYS) as desk:
        late = replace(desk, analysts=replace(desk.analysts, forecasters=find(home)))
        for one in (desk, late):
            await Retraining(one).tend()
            assert [v.version for v, _ in one.analysts.forecasters.trained] == ["tides-1", "tides-2"]
    assert len(Registry(home.models).versions()) == 2


async def test_never_is_never(home: Home) -> None:
    teach(home)
    async with desk_at(home, simulated(SEED), NOW_NS, parse({"models": {"retrain_every": "never"}}, "t")) as desk:
        await Retraining(desk).tend()
    assert len(Registry(home.models).versions()) == 1


async def test_without_a_trained_model_there_is_nothing_to_do(home: Home) -> None:
    async with desk_at(home, simulated(SEED), NOW_NS, FIVE_DAYS) as desk:
        await Retraining(desk).tend()
    assert not home.models.exists()


@pytest.mark.parametrize(("own", "set_to", "rows"), [(400, 0, 400), (400, 500, 500), (None, 500, 500)])
async def test_the_window_is_that_of_the_settings_else_of_the_model(
    home: Home, own: int | None, set_to: int, rows: int
) -> None:
    teach(home, window=own)
    settings = parse({"models": {"retrain_every": "5d", "train_window": set_to}}, "the test")
    async with desk_at(home, simulated(SEED), DUE_NS, settings) as desk:
        await Retraining(desk).tend()
        (challenger,) = [model for v, model in desk.analysts.forecasters.trained if v.version == "tides-2"]
    assert challenger.card.notes["window"] == rows
    assert 0.5 * rows < challenger.card.rows < rows


async def test_it_is_taught_off_the_event_loop(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    teach(home)
    threads, train = [], modelling.train
    monkeypatch.setattr(
        modelling, "train", lambda *args, **kept: threads.append(threading.current_thread()) or train(*args, **kept)
    )
    async with desk_at(home, simulated(SEED), DUE_NS, FIVE_DAYS) as desk:
        await Retraining(desk).tend()
    assert len(threads) == 1
    assert threading.main_thread() not in threads


# When


def test_the_champion_is_challenged_and_of_shadows_the_newest(home: Home) -> None:
    for day in (0, 1):
        teach(home, as_of_ns=TAUGHT_NS + day * DAY_NS)
    found = find(home)
    (due,) = scheduled(found, NOW_NS, 7 * DAY_NS)
    assert (due.version.version, due.at_ns) == ("tides-2", TAUGHT_NS + 15 * DAY_NS)
    promote(home, found.trained[0][0], NOW_NS)
    (due,) = scheduled(find(home), NOW_NS, 7 * DAY_NS)
    assert due.version.version == "tides-1"


@pytest.mark.parametrize(("now_ns", "due"), [(DUE_NS - 1, 0), (DUE_NS, 1), (TAUGHT_NS - 1, 0)])
def test_it_is_due_exactly_a_period_after_the_newest_that_was_known(home: Home, now_ns: int, due: int) -> None:
    teach(home)
    assert len(list(scheduled(find(home), now_ns, 5 * DAY_NS))) == due


def test_nobody_is_no_challenge() -> None:
    assert list(scheduled(Forecasters(), NOW_NS, DAY_NS)) == []


@pytest.mark.parametrize("every", ["12h", "monthly", "0d"])
def test_a_time_that_is_none_is_refused(every: str) -> None:
    with pytest.raises(ConfigError, match=r"models\.retrain_every.*or never"):
        parse({"models": {"retrain_every": every}}, "the test")


# What fails


async def test_a_training_that_fails_is_told_once_and_stops_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    teach(home)
    tries = []

    def fails(*args: object, **kept: object) -> None:
        tries.append(1)
        raise RuntimeError("out of trees")

    monkeypatch.setattr(modelling, "train", fails)
    command = RunCommand.series(MarketSpec("simulated", SYMBOLS, SEED), DUE_NS, DUE_NS + 2 * HOUR_NS, HOUR_NS)
    result = await run(home, command, FIVE_DAYS)
    assert (result.cycles, len(tries)) == (3, 1)
    with books_of(home) as books:
        (shown,) = books.read(lambda conn: incidents.unclosed(conn, result.account_id))
    assert (shown["kind"], shown["detail"]) == ("model_upkeep", "no challenger: RuntimeError: out of trees")
    (told,) = upkeep(home)
    assert told.startswith("tides BTC/USDT 1h as of ")
    assert told.endswith("no challenger: RuntimeError: out of trees")


async def test_the_next_success_closes_what_was_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    teach(home)

    def open_now(desk: Desk) -> list[str]:
        return desk.books.read(lambda conn: incidents.subjects(conn, "paper", IncidentKind.MODEL_UPKEEP))

    async with desk_at(home, simulated(SEED), DUE_NS, FIVE_DAYS) as desk:
        with monkeypatch.context() as broken:
            broken.setattr(modelling, "train", lambda *args, **kept: 1 / 0)
            await Retraining(desk).tend()
        assert len(open_now(desk)) == 1
        desk.clock.advance_to(DUE_NS + 5 * DAY_NS)
        await Retraining(desk).tend()
        assert open_now(desk) == []
    assert len(Registry(home.models).versions()) == 2


# Drift


async def test_drift_trips_the_breaker_and_teaches_a_challenger(home: Home) -> None:
    champion = promote(home, teach(home, wilder(hourly("BTC/USDT", TAUGHT_NS))), NOW_NS)
    spec = MarketSpec("simulated", SYMBOLS, SEED)
    result = await run(home, RunCommand.series(spec, NOW_NS, NOW_NS + 8 * HOUR_NS, 4 * HOUR_NS))
    with books_of(home) as books:
        states = [body_of(books, r)["snapshot"]["account"]["state"] for r in all_records(books, RecordKind.DECISION)]
        entries = books.read(lambda conn: journal.entries(conn, result.account_id))
    assert states[-1] == "reducing"
    (drift,) = [one.body for one in entries if one.kind == "incident" and one.body["kind"] == IncidentKind.MODEL_DRIFT]
    assert drift["subject"] == champion.version
    assert "stability index" in drift["detail"]
    (told,) = [one.body for one in entries if one.kind == KIND]
    assert (told["of"], told["as_of_ns"]) == (champion.version, MONDAY_NS)
    challenger = Registry(home.models).versions()[-1]
    assert (challenger.version, challenger.state, challenger.made_ns) == (told["version"], State.SHADOW, MONDAY_NS)


async def test_a_model_that_goes_on_as_it_was_taught_closes_nothing(home: Home) -> None:
    promote(home, teach(home), NOW_NS)
    async with desk_at(home, simulated(SEED), NOW_NS) as desk:
        await Retraining(desk).tend()
        assert desk.books.read(lambda conn: incidents.open_count(conn, "paper"))[IncidentKind.MODEL_DRIFT] == 0
    assert len(Registry(home.models).versions()) == 1


async def test_one_in_the_shadow_decides_nothing_and_is_not_judged(home: Home) -> None:
    teach(home, wilder(hourly("BTC/USDT", TAUGHT_NS)))
    async with desk_at(home, simulated(SEED), NOW_NS) as desk:
        await Retraining(desk).tend()
        assert desk.books.read(lambda conn: incidents.open_count(conn, "paper"))[IncidentKind.MODEL_DRIFT] == 0


async def test_what_a_person_has_closed_stays_closed_until_the_next_week(home: Home) -> None:
    promote(home, teach(home, wilder(hourly("BTC/USDT", TAUGHT_NS))), NOW_NS)
    kind = IncidentKind.MODEL_DRIFT
    async with desk_at(home, simulated(SEED), NOW_NS) as desk:
        await Retraining(desk).tend()
        assert desk.books.write(lambda conn: incidents.close(conn, "paper", kind, reason="seen", now_ns=NOW_NS)) == 1
        # Of another process, which remembers nothing.
        await Retraining(desk).tend()
        assert desk.books.read(lambda conn: incidents.open_count(conn, "paper"))[kind] == 0
        desk.clock.advance_to(MONDAY_NS + 7 * DAY_NS)
        await Retraining(desk).tend()
        assert desk.books.read(lambda conn: incidents.open_count(conn, "paper"))[kind] == 1


async def test_a_challenger_that_a_kill_prevented_is_taught_after_the_restart(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(home, teach(home, wilder(hourly("BTC/USDT", TAUGHT_NS))), NOW_NS)

    class Killed(BaseException):
        pass

    def killed(*args: object, **kept: object) -> None:
        raise Killed

    async with desk_at(home, simulated(SEED), NOW_NS) as desk:
        with monkeypatch.context() as broken:
            broken.setattr(retraining, "_taught", killed)
            with pytest.raises(Killed):
                await Retraining(desk).tend()
        await Retraining(desk).tend()
    assert Registry(home.models).versions()[-1].made_ns == MONDAY_NS


def test_by_default_it_is_monthly() -> None:
    assert Settings().models.settings().retrain_every_ns == 30 * DAY_NS
