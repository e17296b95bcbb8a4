"""Trained models by state: written once, chosen by a person over evidence, and never known before they were."""

import json
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from core.bars import Bars
from core.errors import ConfigError, DataRefused
from core.ports import Abstain, Forecast
from core.time import Timeframe
from models.evidence import Evidence, gather
from models.explaining import importance, reliability
from models.features.inputs import Inputs
from models.learners.named import NAMES, named, space
from models.learners.recipes import Recipe, make
from models.learners.trained import Trained
from models.learners.trees import Boosting
from models.learners.trees_xgboost import XGBoost
from models.registry import Registry, State, Version
from models.scores import until
from models.validation.trading import Costs
from tests.models.builders import bars_of, walk

HORIZON = 2
TAUGHT = 700
FEATURES = ("return_1", "return_4", "rsi_7")
CHEAP = Costs(0.0005, 0.0)


def tides(n: int = 2600, *, seed: int = 4) -> Bars:
    """A market with a memory: what rose goes on rising for a while, more often than not."""
    random = np.random.default_rng(seed)
    moves = np.zeros(n)
    for at in range(1, n):
        moves[at] = 0.35 * moves[at - 1] + random.normal(0, 0.01)
    close = 30_000.0 * np.exp(np.cumsum(moves))
    return bars_of(close, high=close * 1.002, low=close * 0.998)


@cache
def taught(bars_at: int = TAUGHT, symbol: str = "BTC/USDT") -> Trained:
    bars = until(tides(), bars_at)
    learner = XGBoost("tides", Boosting(trees=12, depth=2, rate=0.3, jobs=1))
    recipe = Recipe("tides", learner, FEATURES, HORIZON, most_dissimilar=None)
    as_of_ns = int(bars.open_ns[-1]) + bars.timeframe.ns
    model = make(recipe, Inputs(bars), seed=1, as_of_ns=as_of_ns)
    return replace(model, card=replace(model.card, symbol=symbol))


def evidence_of(registry: Registry, version: Version, bars: Bars | None = None) -> Evidence:
    model = registry.load(version)
    return gather(model, version.digest, tides() if bars is None else bars, history=400, costs=CHEAP)[0]


def earlier(evidence: Evidence) -> Evidence:
    """The same, as if it ended a hundred bars before."""
    return replace(evidence, until_ns=evidence.until_ns - 100 * Timeframe.H1.ns)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models")


# Versions


def test_a_model_begins_in_the_shadow_and_comes_back_the_same(registry: Registry) -> None:
    version = registry.add("tides", taught())
    assert (version.version, version.state) == ("tides-1", State.SHADOW)
    assert registry.versions() == (version,)
    again = registry.load(version)
    bars = until(tides(), 900)
    assert again.name == "tides-1"
    assert again.predict(bars, horizon=HORIZON) == taught().predict(bars, horizon=HORIZON)


def test_each_training_is_a_version_of_its_own(registry: Registry) -> None:
    assert [registry.add("tides", taught()).version for _ in range(2)] == ["tides-1", "tides-2"]
    with pytest.raises(ConfigError, match="tides-1, tides-2"):
        registry.version("tides")
    assert registry.version("tides-2").version == "tides-2"


@pytest.mark.parametrize("name", ["", "..", "a/b", "Tides", "-x", "x" * 42])
def test_a_name_that_is_no_folder_is_refused(registry: Registry, name: str) -> None:
    with pytest.raises(ConfigError, match="small letters"):
        registry.add(name, taught())


def test_a_model_is_asked_about_its_own_symbol_alone() -> None:
    bars = until(tides(), 900)
    assert isinstance(taught().predict(bars, horizon=HORIZON), Forecast)
    for other, words in ((replace(bars, symbol="ETH/USDT"), "asked about ETH/USDT"), (_hours(bars), "asked about 4h")):
        said = taught().predict(other, horizon=HORIZON)
        assert isinstance(said, Abstain)
        assert words in said.reason


def _hours(bars: Bars) -> Bars:
    return replace(bars, timeframe=Timeframe.H4, open_ns=bars.open_ns[0] + Timeframe.H4.ns * np.arange(len(bars)))


# What is refused


@pytest.mark.parametrize("file", ["card.json", "odds.ubj", "arrays.safetensors"])
def test_a_changed_artefact_is_refused_by_its_hash(registry: Registry, file: str) -> None:
    version = registry.add("tides", taught())
    path = registry.folder / version.version / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(DataRefused, match="has the hash"):
        registry.load(version)


def test_one_model_in_the_place_of_another_is_refused(registry: Registry) -> None:
    one, other = registry.add("tides", taught()), registry.add("tides", taught(800))
    (registry.folder / one.version).rename(registry.folder / "aside")
    (registry.folder / other.version).rename(registry.folder / one.version)
    with pytest.raises(DataRefused, match="was registered"):
        registry.load(one)


def test_what_was_trained_later_does_not_load(registry: Registry) -> None:
    version = registry.add("tides", taught())
    now_ns = taught().card.trained_until_ns
    assert registry.load(version, as_of_ns=now_ns)
    with pytest.raises(DataRefused, match="would know the future"):
        registry.load(version, as_of_ns=now_ns - 1)


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b'{"schema": 2}', b'{"schema": 1, "versions": [{}]}'])
def test_an_index_that_cannot_be_read_is_named(registry: Registry, broken: bytes) -> None:
    registry.add("tides", taught())
    (registry.folder / "index.json").write_bytes(broken)
    with pytest.raises(DataRefused, match=r"index\.json"):
        registry.versions()


def test_an_index_never_leads_out_of_its_folder(registry: Registry) -> None:
    registry.add("tides", taught())
    index = registry.folder / "index.json"
    told = json.loads(index.read_text())
    told["versions"][0]["version"] = "../elsewhere-1"
    index.write_text(json.dumps(told))
    with pytest.raises(DataRefused, match="no version"):
        registry.versions()


# Evidence and votes


def test_skill_that_is_there_is_found_out_of_sample(registry: Registry) -> None:
    evidence = evidence_of(registry, registry.add("tides", taught()))
    assert evidence.against == ()
    assert evidence.card.n >= 400
    assert evidence.card.brier < min(one.brier for one in evidence.naive)
    assert [one.name for one in evidence.naive] == ["last_sign", "drift", "always_up"]
    assert evidence.from_ns > taught().card.trained_until_ns - 1


def test_a_market_without_memory_gives_no_vote(registry: Registry) -> None:
    version = registry.add("tides", taught())
    bars = walk(1600, seed=3)
    evidence = evidence_of(registry, version, bars)
    assert evidence.card.skill <= 0
    with pytest.raises(ConfigError, match="has not earned a vote: skill"):
        registry.promote(version, evidence, by="ada", reason="hope")


@pytest.mark.parametrize("worse", ["skill", "log_skill"])
def test_a_vote_is_earned_by_what_it_is_weighed_by_the_lesser_skill(registry: Registry, worse: str) -> None:
    evidence = evidence_of(registry, registry.add("tides", taught()))
    muted = replace(evidence.card, **{worse: Decimal("-0.01")})
    assert any("above 0" in reason for reason in replace(evidence, card=muted).against)
    rival = replace(evidence.naive[0], skill=Decimal("0.9"), log_skill=Decimal("0.9"))
    (reason,) = replace(evidence, naive=(rival, *evidence.naive[1:])).against
    assert "above the 0.9 of last_sign is needed" in reason
    one_sided = replace(rival, **{worse: evidence.card.lesser_skill - 1})
    assert replace(evidence, naive=(one_sided, *evidence.naive[1:])).against == ()


def test_too_few_outcomes_are_no_evidence(registry: Registry) -> None:
    version = registry.add("tides", taught())
    few = evidence_of(registry, version, until(tides(), TAUGHT + 99 * HORIZON + 1))
    assert few.card.n == 99
    assert any(reason.startswith("99 outcomes after its training, 100") for reason in few.against)


def test_an_alarm_stands_against_a_vote(registry: Registry) -> None:
    version = registry.add("tides", taught())
    evidence = replace(evidence_of(registry, version), alarms=("leakage until shown otherwise",))
    with pytest.raises(ConfigError, match="leakage"):
        registry.promote(version, evidence, by="ada", reason="it looks great")


@pytest.mark.parametrize(("by", "reason"), [("", "good"), ("ada", " ")])
def test_a_vote_is_given_by_a_person_for_a_reason(registry: Registry, by: str, reason: str) -> None:
    version = registry.add("tides", taught())
    with pytest.raises(ConfigError, match="by a person and for a reason"):
        registry.promote(version, evidence_of(registry, version), by=by, reason=reason)


def test_evidence_of_one_model_promotes_no_other(registry: Registry) -> None:
    one, other = registry.add("tides", taught()), registry.add("tides", taught(800))
    with pytest.raises(ConfigError, match="the evidence is of tides-1"):
        registry.promote(other, evidence_of(registry, one), by="ada", reason="better")


def test_one_model_of_a_place_is_active_and_each_stands_as_it_stood_then(registry: Registry) -> None:
    first = registry.add("tides", taught())
    first = registry.promote(first, earlier(evidence_of(registry, first)), by="ada", reason="skill")
    second = registry.add("tides", taught(800))
    registry.promote(second, evidence_of(registry, second), by="bob", reason="newer")
    one, other = registry.versions()
    assert (one.state, other.state) == (State.RETIRED, State.ACTIVE)
    assert other.changes[-1].by == "bob"
    made, chosen, replaced = (change.at_ns for change in one.changes)
    assert [one.state_at(at) for at in (made - 1, made, chosen, replaced - 1, replaced)] == [
        None,
        State.SHADOW,
        State.ACTIVE,
        State.ACTIVE,
        State.RETIRED,
    ]
    assert other.state_at(replaced - 1) is State.SHADOW


def test_evidence_older_than_the_last_choice_is_refused(registry: Registry) -> None:
    first, second = registry.add("tides", taught()), registry.add("tides", taught(800))
    registry.promote(first, evidence_of(registry, first), by="ada", reason="skill")
    old = earlier(evidence_of(registry, second))
    with pytest.raises(ConfigError, match="judge on what came after"):
        registry.promote(second, old, by="ada", reason="skill")


# Learners by name, and what a model rests on


@pytest.mark.parametrize("name", NAMES)
def test_every_named_learner_takes_what_a_search_may_try(name: str) -> None:
    for key, over in space(name).items():
        words = [str(int(value)) if over.whole else f"{value:.4g}" for value in (over.least, over.most)]
        assert named(name, {key: words[0]}).learner != named(name, {key: words[1]}).learner


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("prophet", {}, "found 'prophet'"),
        ("xgboost", {"layers": "2"}, "no setting 'layers'"),
        ("xgboost", {"trees": "many"}, "a whole number"),
        ("xgboost", {"rate": "0"}, "rate must be above 0"),
        ("lstm", {"residual": "yes"}, "true or false"),
        ("ppo", {"hidden": "8,wide"}, "a whole number"),
        ("dqn", {"algorithm": "ppo"}, "no setting 'algorithm'"),
    ],
)
def test_what_no_learner_can_be_is_named(name: str, changes: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        named(name, changes)


def test_the_feature_that_carries_the_signal_matters_most() -> None:
    bars = tides()
    _, spoken, _ = gather(taught(), "", bars, history=400, costs=CHEAP)
    found = importance(taught(), bars, spoken)
    assert found[0].feature == "return_1"
    assert found[0].mean > 3 * found[0].deviation
    bins = reliability(spoken.p_up, spoken.y)
    assert sum(one.n for one in bins) == len(spoken.every)
    assert bins[-1].rose > bins[0].rose


def test_a_scorecard_counts_no_outcome_twice() -> None:
    _, spoken, _ = gather(taught(), "", tides(), history=400, costs=CHEAP)
    assert (np.diff(spoken.every[spoken.apart]) >= HORIZON).all()
    assert Decimal(0) < gather(taught(), "", tides(), history=400, costs=CHEAP)[0].card.skill < 1
