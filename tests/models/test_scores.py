from decimal import Decimal

import numpy as np
import pytest

from core.bars import Bars
from core.ports import Abstain, Forecast, Forecaster
from models.forecasters import Drift, LastSign
from models.scores import LEAST_SCORED, Scorecard, until, walk_forward
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
    assert card.weight == card.skill > Decimal("0.9")


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
