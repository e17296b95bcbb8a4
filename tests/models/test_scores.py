from decimal import Decimal

import numpy as np
import pytest

from core.bars import Bars
from core.ports import Abstain, Forecast, Forecaster
from models.learners.naive import Drift, LastSign
from models.regimes import regimes
from models.scores import LEAST_IN_REGIME, LEAST_SCORED, Scorecard, score, score_now, until, walk_forward
from tests.models.builders import bars_of, walk


class Says:
    """Says what a function of the bars says, and remembers the bars that it was shown."""

    name = "says"

    def __init__(self, p_up: str | None, after: int = 0) -> None:
        self._p_up = p_up
        self._after = after
        self.shown: list[int] = []

    def predict(self, bars: Bars, *, horizon: int) -> Forecast | Abstain:
        self.shown.append(len(bars))
        if self._p_up is None or len(bars) <= self._after:
            return Abstain("nothing to say")
        return Forecast(Decimal(self._p_up), Decimal(0))


class Remembers:
    """Keeps every answer of a forecaster by the time of the bar that it was given at."""

    name = "remembers"

    def __init__(self, forecaster: Forecaster) -> None:
        self._forecaster = forecaster
        self.answers: dict[int, Forecast | Abstain] = {}

    def predict(self, bars: Bars, *, horizon: int) -> Forecast | Abstain:
        answer = self._forecaster.predict(bars, horizon=horizon)
        self.answers[int(bars.open_ns[-1])] = answer
        return answer


def scored(forecaster: Forecaster, bars: Bars, *, horizon: int = 1, origins: int = 60) -> Scorecard:
    card = walk_forward(forecaster, bars, horizon=horizon, origins=origins)
    assert isinstance(card, Scorecard)
    return card


def zigzag(n: int) -> Bars:
    return bars_of([100.0, 101.0] * (n // 2))


def test_too_few_outcomes_are_no_scorecard() -> None:
    assert isinstance(walk_forward(Says("0.6"), walk(LEAST_SCORED + 1), horizon=1), Abstain)
    assert isinstance(walk_forward(Says("0.6"), walk(LEAST_SCORED + 2), horizon=1), Scorecard)


@pytest.mark.parametrize("n", [0, 1, 12])
def test_a_history_shorter_than_the_horizon_is_no_scorecard(n: int) -> None:
    answer = walk_forward(Says("0.6"), walk(n), horizon=12)
    assert answer == Abstain(f"says needs {LEAST_SCORED} outcomes to be scored, found 0 outcomes in {n} bars")


def test_origins_where_the_forecaster_abstains_count_nowhere() -> None:
    bars = zigzag(100)
    assert scored(Says("0.6", after=80), bars).n == 19
    assert isinstance(walk_forward(Says(None), bars, horizon=1), Abstain)


def test_origins_are_a_horizon_apart_and_end_where_the_outcome_is_the_last_bar() -> None:
    forecaster = Says("0.6")
    assert scored(forecaster, walk(300), horizon=12, origins=10).n == 10
    assert forecaster.shown == [300 - 12 * k for k in range(1, 11)]


@pytest.mark.parametrize("forecaster", [LastSign(), Drift()])
def test_what_was_forecast_does_not_depend_on_later_bars(forecaster: Forecaster) -> None:
    bars = walk(300)
    whole, cut = Remembers(forecaster), Remembers(forecaster)
    walk_forward(whole, bars, horizon=4)
    walk_forward(cut, until(bars, 200), horizon=4)
    both = whole.answers.keys() & cut.answers.keys()
    assert len(both) >= 20
    assert [whole.answers[at] for at in both] == [cut.answers[at] for at in both]


def test_a_constant_half_scores_a_quarter_and_no_weight() -> None:
    card = scored(Says("0.5"), zigzag(100))
    assert (card.brier, card.hit_rate, card.weight) == (Decimal("0.25"), Decimal("0.5"), Decimal("0"))


def test_the_baseline_of_a_rising_market_is_its_rises() -> None:
    card = scored(Says("0.5"), bars_of(list(np.linspace(100, 200, 100))))
    assert card.baseline_brier < Decimal("0.001")
    assert card.skill < 0


def test_the_baseline_is_never_worse_than_one_half() -> None:
    # It rose as long as the base rate could learn, and falls at every origin that is scored.
    up_then_down = bars_of([*np.linspace(100, 200, 100), *np.linspace(199, 150, 20)])
    assert scored(Says("0.5"), up_then_down, origins=15).baseline_brier == Decimal("0.25")


def test_a_forecaster_that_is_right_earns_its_skill_as_weight() -> None:
    card = scored(LastSign(), zigzag(200))
    assert card.hit_rate == 1
    assert card.weight == min(card.skill, card.log_skill) > Decimal("0.8")


def test_a_forecaster_below_its_baseline_is_muted() -> None:
    card = scored(Says("0.9"), bars_of(list(np.linspace(200, 100, 100))))
    assert card.skill < 0
    assert (card.weight, card.hit_rate) == (Decimal("0"), Decimal("0"))


def test_the_base_rate_knows_only_outcomes_that_had_come_true() -> None:
    # Falls until the last 10 outcomes, which rise: whoever peeked would say so before the first of them.
    closes = [*np.linspace(200, 101, 100), *np.linspace(102, 111, 10)]
    card = scored(Says("0.5"), bars_of(closes), origins=10)
    rates = [(k + 1) / (99 + k + 2) for k in range(10)]
    assert float(card.baseline_brier) == pytest.approx(min(0.25, np.mean([(rate - 1) ** 2 for rate in rates])))
    card = scored(Says("0.5"), until(bars_of(closes), 100), origins=10)
    rates = [1 / (89 + k + 2) for k in range(10)]
    assert float(card.baseline_brier) == pytest.approx(np.mean([rate**2 for rate in rates]))


def test_one_bold_error_mutes_by_log_loss_what_the_brier_score_forgives() -> None:
    bars = zigzag(122)
    rises = np.tile([1.0, 0.0], 60)
    p_up = np.where(rises > 0, 0.65, 0.35)
    p_up[0] = p_up[20] = p_up[40] = p_up[60] = 1e-9  # before a rise
    card = score("bold", bars, np.arange(120), p_up, np.sign(p_up - 0.5), horizon=1)
    assert isinstance(card, Scorecard)
    assert card.skill > 0 > card.log_skill
    assert card.weight == 0


# Regimes.


def climbing(n: int) -> list[float]:
    """Every bar a little higher."""
    return list(100 * 1.01 ** np.arange(n))


def swinging(n: int, first: float) -> list[float]:
    """Up and down by turns, and nowhere."""
    return [first * (1.01 if at % 2 else 1.0) for at in range(n)]


TREND_THEN_RANGE = bars_of([*climbing(200), *swinging(200, 100 * 1.01**200)])
RANGE_THEN_TREND = bars_of([*swinging(200, 100.0), *(101 * 1.01 ** np.arange(200))])


@pytest.mark.parametrize(("bars", "regime"), [(TREND_THEN_RANGE, "ranging"), (RANGE_THEN_TREND, "trending")])
def test_skill_of_one_regime_does_not_speak_in_another(bars: Bars, regime: str) -> None:
    # It says that every move goes on: true of a trend, and always wrong of swings.
    card = scored(LastSign(), bars, origins=390)
    whole = score_of_all(LastSign(), bars)
    assert (card.regime, whole.regime) == (regime, "any")
    assert card.n < whole.n


def score_of_all(forecaster: Forecaster, bars: Bars) -> Scorecard:
    places = np.arange(10, len(bars) - 1)
    said = [forecaster.predict(until(bars, at + 1), horizon=1) for at in places.tolist()]
    p_up = np.array([float(one.p_up) if isinstance(one, Forecast) else 0.5 for one in said])
    card = score(forecaster.name, bars, places, p_up, np.sign(p_up - 0.5), horizon=1)
    assert isinstance(card, Scorecard)
    return card


def rightly_in(bars: Bars, regime: str) -> np.ndarray:
    """p_up of one who knows what comes in one regime, and says the opposite in the other."""
    rose = np.append(np.diff(bars.close) > 0, False)
    return np.where((regimes(bars) == regime) == rose, 0.9, 0.1)


@pytest.mark.parametrize(("knows", "weighs"), [("ranging", True), ("trending", False)])
def test_who_is_good_in_the_regime_of_now_is_heard_and_who_is_not_is_muted(knows: str, weighs: bool) -> None:
    bars = TREND_THEN_RANGE
    p_up, places = rightly_in(bars, knows), np.arange(100, 399)
    card = score_now("knows", bars, places, p_up[places], np.sign(p_up[places] - 0.5), horizon=1)
    assert isinstance(card, Scorecard)
    assert card.regime == "ranging"
    assert (card.weight > 0) is weighs


@pytest.mark.parametrize(("outcomes", "regime"), [(LEAST_IN_REGIME - 1, "any"), (LEAST_IN_REGIME, "ranging")])
def test_a_rare_regime_is_judged_by_all_outcomes(outcomes: int, regime: str) -> None:
    bars = TREND_THEN_RANGE
    ranging = np.flatnonzero(regimes(bars)[:-1] == "ranging")[-outcomes:]
    trending = np.flatnonzero(regimes(bars) == "trending")[:30]
    places = np.concatenate([trending, ranging]).astype(np.int64)
    p_up = np.full(len(places), 0.6)
    card = score_now("says", bars, places, p_up, np.sign(p_up - 0.5), horizon=1)
    assert isinstance(card, Scorecard)
    assert (card.regime, card.n) == (regime, outcomes if regime == "ranging" else 30 + outcomes)


def test_of_too_few_bars_no_regime_is_told() -> None:
    assert scored(LastSign(), zigzag(40)).regime == "any"
