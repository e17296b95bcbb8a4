"""Drift: when a model has nothing to say, sees what it never saw, or is wrong two weeks in a row."""

import json

import numpy as np
import pytest

from core.errors import ConfigError, DataRefused
from core.time import DAY_NS, parse_time
from models.features import Frame
from models.validation.drift import WEEK_NS, DriftKind, DriftSettings, DriftVerdict, Week, judge, weekly
from models.validation.population import Population

MONDAY = parse_time("2022-03-07T00:00Z")
NAMES = ("calm", "wild")


def rows(n: int, *, seed: int, moved: float = 0.0) -> Frame:
    values = np.random.default_rng(seed).normal([0.0, moved], 1.0, (n, 2))
    return Frame(NAMES, values.astype(np.float32), 0)


def week(number: int, accuracy: float, n: int = 42) -> Week:
    return Week(MONDAY + number * WEEK_NS, n, accuracy)


def verdict(
    *weeks: Week,
    p_up: np.ndarray | None = None,
    moved: float = 0.0,
    taught_ns: int = MONDAY - DAY_NS,
    now_ns: int = MONDAY + 4 * WEEK_NS,
    recent: int = 400,
) -> DriftVerdict:
    return judge(
        "xgb",
        p_up=np.linspace(0.3, 0.7, 100) if p_up is None else p_up,
        weeks=weeks,
        population=Population.of(rows(2000, seed=1)),
        recent=rows(recent, seed=2, moved=moved),
        trained_until_ns=taught_ns,
        now_ns=now_ns,
    )


def test_a_model_that_goes_on_as_it_was_taught_has_not_drifted() -> None:
    found = verdict(week(0, 0.55), week(1, 0.52))
    assert (found.drifted, found.reasons, found.unmeasured) == (False, (), ())


def test_one_bad_week_is_luck_and_two_in_a_row_are_drift() -> None:
    assert not verdict(week(0, 0.40), week(1, 0.50)).drifted
    assert not verdict(week(0, 0.40), week(1, 0.55), week(2, 0.40)).drifted
    found = verdict(week(0, 0.55), week(1, 0.40), week(2, 0.45))
    assert [finding.kind for finding in found.findings] == [DriftKind.ACCURACY]
    assert found.reasons == ("2 bad weeks in a row: right in 40% of 42 from 2022-03-14, 45% of 42 from 2022-03-21",)


def test_a_week_with_few_outcomes_a_week_before_the_teaching_and_one_that_is_not_over_say_nothing() -> None:
    assert not verdict(week(1, 0.40), week(2, 0.40, n=19)).drifted
    assert not verdict(week(0, 0.40), week(1, 0.40), taught_ns=MONDAY + DAY_NS).drifted
    assert not verdict(week(0, 0.40), week(1, 0.40), now_ns=MONDAY + 2 * WEEK_NS - 1).drifted
    assert verdict(week(0, 0.40), week(1, 0.40), now_ns=MONDAY + 2 * WEEK_NS).drifted


def test_probabilities_that_cluster_at_one_half_say_nothing() -> None:
    even = np.where(np.arange(100) < 81, 0.51, 0.6)
    assert [f.kind for f in verdict(week(0, 0.6), week(1, 0.6), p_up=even).findings] == [DriftKind.EVEN]
    even[80] = 0.6
    assert not verdict(week(0, 0.6), week(1, 0.6), p_up=even).drifted


def test_features_that_moved_are_named_with_their_index() -> None:
    found = verdict(week(0, 0.6), week(1, 0.6), moved=1.5)
    assert [finding.kind for finding in found.findings] == [DriftKind.POPULATION]
    assert "1 of 2 features" in found.reasons[0]
    assert "foremost wild" in found.reasons[0]


def test_too_little_to_judge_by_is_told_and_is_no_drift() -> None:
    found = verdict(week(0, 0.2), p_up=np.full(10, 0.5), recent=199)
    assert not found.drifted
    assert len(found.unmeasured) == 3
    assert "199 whole rows" in found.unmeasured[1]


def test_outcomes_are_counted_in_the_week_in_which_they_became_known() -> None:
    known = np.array([MONDAY - 1, MONDAY, MONDAY + 1, MONDAY + 2, MONDAY + WEEK_NS])
    p_up, y = np.array([0.6, 0.6, np.nan, 0.4, 0.6]), np.array([0.1, 0.1, 0.1, 0.1, 0.0])
    found = weekly(known, p_up, y)
    assert found == (Week(MONDAY - WEEK_NS, 1, 1.0), Week(MONDAY, 2, 0.5), Week(MONDAY + WEEK_NS, 1, 0.5))
    with pytest.raises(DataRefused, match="not in order"):
        weekly(known[::-1], p_up, y)


# The population of features


def test_the_index_is_the_published_sum_over_bins() -> None:
    """Two bins of a half each then, a fifth and four fifths now: 2 * 0.3 * ln(4) but for the rows imagined."""
    then = Frame(("one",), np.repeat([0.0, 1.0], 50_000)[:, None].astype(np.float32), 0)
    now = Frame(("one",), np.repeat([0.0, 1.0], [20_000, 80_000])[:, None].astype(np.float32), 0)
    found = Population(("one",), np.array([[0.5]]), Population.of(then, bins=2).shares).stability(now)
    assert found[0] == pytest.approx((0.2 - 0.5) * np.log(0.2 / 0.5) + (0.8 - 0.5) * np.log(0.8 / 0.5), abs=1e-3)


def test_it_is_small_for_the_same_population_and_grows_as_it_moves() -> None:
    then = Population.of(rows(5000, seed=1))
    still, some, much = (then.stability(rows(2000, seed=3, moved=moved))[1] for moved in (0.0, 0.3, 1.0))
    assert still < 0.02 < some < 0.25 < much


def test_it_comes_back_from_its_state_and_refuses_other_features_and_broken_states() -> None:
    then = Population.of(rows(500, seed=1))
    again = Population.from_state(json.loads(json.dumps(then.state())))
    recent = rows(300, seed=2)
    assert again.stability(recent).tolist() == then.stability(recent).tolist()
    with pytest.raises(DataRefused, match="trained on calm, wild; found wild, calm"):
        then.stability(Frame(("wild", "calm"), recent.values, 0))
    with pytest.raises(DataRefused, match="no population"):
        Population.from_state({"names": ["calm"]})
    with pytest.raises(DataRefused, match="need 100 whole training rows, found 50"):
        Population.of(rows(50, seed=1))


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="even_share is a share above 0 and at most 1, found 0"):
        DriftSettings(even_share=0.0)
    with pytest.raises(ConfigError, match="bad_weeks is 1 or more, found 0"):
        DriftSettings(bad_weeks=0)
