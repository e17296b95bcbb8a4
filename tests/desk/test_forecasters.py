"""Who forecasts in a desk: models as they stood then, plug-ins behind a wall, and what is missing is told."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest

from agents.forecasting import ask_forecasters
from core.bars import Bars
from core.ports import Forecast
from core.time import ManualClock
from desk import forecasters
from desk.build import build
from desk.doctor import examine
from desk.home import Home
from desk.replay import replay
from desk.settings import Settings, load
from memory.books import journal
from memory.books.words import RecordKind
from models.features.inputs import Inputs
from models.learners.recipes import Recipe, make
from models.learners.trees import Boosting
from models.learners.trees_xgboost import XGBoost
from models.registry import Registry, Version
from models.scores import until
from models.settings import ModelSettings
from tests.desk.desks import SYMBOLS, all_records, body_of, books_of, desk_at, moment, run, simulated
from tests.desk.desks import decide as decide_at
from tests.desk.models import HORIZON, NOW_NS, SEED, TAUGHT_NS, hourly, promote

_NUMBERS = count()
Install = Callable[..., str]

PLUG_IN = """
from decimal import Decimal
from core.ports import Forecast


class Owl:
    name = "owl"

    def predict(self, bars, *, horizon):
        {does}
"""


def register(home: Home, symbol: str = "BTC/USDT", as_of_ns: int = TAUGHT_NS) -> Version:
    """A small model of the simulated market."""
    learner = XGBoost("tides", Boosting(trees=5, depth=2, jobs=1))
    recipe = Recipe("tides", learner, ("return_1", "rsi_7"), HORIZON, most_dissimilar=None)
    model = make(recipe, Inputs(hourly(symbol, as_of_ns)), seed=1, as_of_ns=as_of_ns)
    return Registry(home.models).add("tides", replace(model, card=replace(model.card, symbol=symbol)))


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a distribution with one forecaster where Python looks for it. Answers its module."""

    def installed(does: str, name: str = "owl") -> str:
        module = f"house_forecasters_{next(_NUMBERS)}"
        info = tmp_path / module / f"{module}-1.2.dist-info"
        info.mkdir(parents=True)
        (tmp_path / module / f"{module}.py").write_text(PLUG_IN.format(does=does))
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[{forecasters.GROUP}]\n{name} = {module}:Owl\n")
        monkeypatch.syspath_prepend(str(tmp_path / module))
        return module

    return installed


# A vote


class Seer:
    """Knows what comes, and says so."""

    name = "seer"

    def __init__(self, whole: Bars) -> None:
        self._close = whole.close

    def predict(self, bars: Bars, *, horizon: int) -> Forecast:
        rises = self._close[len(bars) - 1 + horizon] > self._close[len(bars) - 1]
        return Forecast(Decimal("0.9") if rises else Decimal("0.1"), Decimal(0))


def test_skill_in_the_shadow_is_told_and_moves_nothing() -> None:
    whole = hourly("BTC/USDT", NOW_NS)
    seen, settings = until(whole, len(whole) - HORIZON), ModelSettings(horizon_bars=HORIZON)
    voting = ask_forecasters("BTC/USDT", seen, (), [Seer(whole)], settings)
    shadow = ask_forecasters("BTC/USDT", seen, (), [], settings, [Seer(whole)])
    (loud,), (silent,) = voting["lines"], shadow["lines"]
    assert Decimal(loud["weight"]) > Decimal("0.5")
    assert voting["p_up"] in ("0.9", "0.1")
    assert silent == {**loud, "weight": "0", "shadow": True}
    assert shadow["p_up"] is None


# In a cycle


async def test_a_shadow_is_in_the_record_without_a_vote_and_the_record_replays_anywhere(home: Home) -> None:
    version = register(home)
    async with desk_at(home, simulated(SEED), NOW_NS) as desk:
        cycle = await decide_at(desk, NOW_NS)
    assert cycle.forecast is not None
    btc, eth = (next(o for o in cycle.forecast.outlooks if o.symbol == s) for s in SYMBOLS)
    (line,) = [one for one in btc.lines if one.shadow]
    assert (line.name, line.weight, line.n >= 10) == (version.version, 0, True)
    assert {one.name for one in btc.lines if not one.shadow} == {"last_sign", "drift"}
    (silent,) = [one.reason for one in eth.silent if version.version in one.reason]
    assert "trained on BTC/USDT, asked about ETH/USDT" in silent


async def test_a_record_replays_where_no_model_is(home: Home) -> None:
    register(home)
    await run(home, moment((SEED, NOW_NS)))
    with books_of(home) as books:
        (record,) = all_records(books, RecordKind.DECISION)
        assert version_names(body_of(books, record)) == {"tides-1"}
        (home.models / "index.json").unlink()
        again = await replay(books, record)
    assert again.first_difference is None
    assert again.replayed_hash == record.record_hash


def version_names(body: object) -> set[str]:
    lines = [line for outlook in body["forecast"]["outlooks"] for line in outlook["lines"]]  # type: ignore[index]
    return {line["name"] for line in lines if line["shadow"]}


def test_a_model_stands_as_it_stood_at_each_moment(home: Home) -> None:
    version = promote(home, register(home), NOW_NS)
    made_ns, chosen_ns = (change.at_ns for change in version.changes)
    found = forecasters.find(home)
    for at, voting, shadows in (
        (made_ns - 1, 0, 0),
        (made_ns, 0, 1),
        (chosen_ns - 1, 0, 1),
        (chosen_ns, 1, 0),
    ):
        speaking = found.at(at)
        assert len(speaking.voting) == len(forecasters.NAIVE) + voting
        assert len(speaking.shadows) == shadows


def test_only_a_vote_changes_what_decides(home: Home) -> None:
    before = load(home, folder=home.path, environment={})
    version = register(home)
    assert load(home, folder=home.path, environment={}).policy_hash == before.policy_hash
    promote(home, version, NOW_NS)
    after = load(home, folder=home.path, environment={})
    assert after.policy_hash != before.policy_hash
    assert after.forecasters == {version.version: version.digest}


# What is missing


async def test_a_tampered_model_is_left_out_told_and_journaled(home: Home) -> None:
    whole, broken = register(home), register(home, "ETH/USDT")
    (home.models / broken.version / "odds.ubj").write_bytes(b"something else")
    result = await run(home, moment((SEED, NOW_NS)))
    with books_of(home) as books:
        entries = books.read(lambda conn: journal.entries(conn, result.account_id))
    (entry,) = [one.body for one in entries if one.kind == forecasters.KIND]
    assert entry["shadows"] == [whole.version]
    assert [one["name"] for one in entry["left_out"]] == [broken.version]
    assert "has the hash" in entry["left_out"][0]["reason"]
    (told,) = [one.found for one in examine(home) if one.part == "forecasters"]
    assert f"{whole.version} (shadow)" in told
    assert f"left out: {broken.version}" in told


async def test_a_model_of_later_is_journaled_and_not_asked(home: Home) -> None:
    register(home, as_of_ns=NOW_NS)
    result = await run(home, moment((SEED, TAUGHT_NS)))
    with books_of(home) as books:
        entries = books.read(lambda conn: journal.entries(conn, result.account_id))
        (record,) = all_records(books, RecordKind.DECISION)
        assert version_names(body_of(books, record)) == set()
    (entry,) = [one.body for one in entries if one.kind == forecasters.KIND]
    assert "which is not yet" in entry["left_out"][0]["reason"]


def test_a_broken_index_leaves_the_naive_ones(home: Home) -> None:
    register(home)
    (home.models / "index.json").write_text("{")
    found = forecasters.find(home)
    assert found.at(NOW_NS).voting == forecasters.NAIVE
    assert [one.name for one in found.left_out] == ["every trained model"]


# Plug-ins


def test_a_plug_in_speaks_and_is_named_by_its_source(home: Home, install: Install) -> None:
    module = install("return Forecast(Decimal('0.6'), Decimal('0.01'))")
    (owl,) = [one for one in forecasters.find(home).own if one.name == "owl"]
    assert "0.6" in str(owl.predict(hourly("BTC/USDT", NOW_NS), horizon=HORIZON))
    assert load(home, folder=home.path, environment={}).forecasters["owl"].startswith(f"{module} 1.2 {module}:Owl ")


@pytest.mark.parametrize(
    ("does", "words"),
    [
        ("raise RuntimeError('no')", "RuntimeError"),
        ("return 0.7", "answered float"),
        ("return Forecast(Decimal('1.2'), Decimal(0))", "p_up 1.2"),
        ("return Forecast(Decimal('NaN'), Decimal(0))", "p_up NaN"),
        ("return Forecast(0.5, Decimal(0))", "failed"),
    ],
)
def test_what_a_plug_in_should_not_do_is_an_abstention(home: Home, install: Install, does: str, words: str) -> None:
    install(does)
    (owl,) = [one for one in forecasters.find(home).own if one.name == "owl"]
    said = owl.predict(hourly("BTC/USDT", NOW_NS), horizon=HORIZON)
    assert words in getattr(said, "reason", "")


@pytest.mark.parametrize("name", ["hawk", "drift"])
def test_a_plug_in_that_is_none_is_left_out(home: Home, install: Install, name: str) -> None:
    install("pass", name)
    found = forecasters.find(home)
    assert found.own == forecasters.NAIVE
    assert [one.name for one in found.left_out] == [name]


async def test_forecasting_leaves_the_event_loop(home: Home, install: Install) -> None:
    install("import threading; raise RuntimeError(threading.current_thread().name)")
    async with desk_at(home, simulated(SEED), NOW_NS, Settings()) as desk:
        cycle = await decide_at(desk, NOW_NS)
    assert cycle.forecast is not None
    reasons = [one.reason for outlook in cycle.forecast.outlooks for one in outlook.silent]
    assert [reason for reason in reasons if "owl" in reason and "inference" in reason]


def test_a_desk_is_built_with_whoever_is_there(home: Home) -> None:
    register(home)
    with books_of(home) as books:
        desk = build(Settings(), home, books, simulated(SEED), "paper", ManualClock(NOW_NS))
    assert len(desk.analysts.forecasters.trained) == 1
