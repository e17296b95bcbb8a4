"""What an episode is: what is seen, what is clipped, what is paid, and how it ends."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError, DataRefused
from core.fills import fee, slipped
from models.features import Inputs, fit_preparation, frame
from models.reinforcement.account import Account
from models.reinforcement.actions import Action
from models.reinforcement.environment import Market
from models.reinforcement.limits import Asked, Clip, Supervisor, unlimited
from models.reinforcement.rules import Rules
from models.reinforcement.tape import Tape, tape_of, tape_of_returns
from models.validation.trading import Costs
from tests.models.builders import walk
from tests.models.reinforcement.builders import FREE, falling, spells, tape

LONG, SHORT, HOLD = Action.ADD_LONG, Action.ADD_SHORT, Action.HOLD
CLOSE_LONG, REDUCE_LONG = Action.CLOSE_LONG, Action.REDUCE_LONG
FLAT_PRICES = tape(*[(100.0, 100.0)] * 12)


def told(market: Market, actions: Sequence[Action], **reset: Any) -> list[dict[str, Any]]:
    market.reset(**reset)
    return [market.step(action)[4] for action in actions]


@pytest.mark.parametrize("reward", ["return", "sharpe", "sortino"])
def test_the_checker_of_the_library_finds_nothing_to_say(reward: str) -> None:
    from gymnasium.utils.env_checker import check_env as gymnasium_check
    from stable_baselines3.common.env_checker import check_env

    sample = spells(200)
    market = Market(tape_of_returns(sample.x, sample.y), Rules(reward=reward, episode=50))
    # A warning is an error here.
    check_env(market)
    gymnasium_check(market, skip_render_check=True)


# What is paid


def test_a_round_trip_costs_exactly_what_the_fills_say() -> None:
    costs = Costs(fee_rate=0.002, slippage=0.003)
    market = Market(tape((100, 100), (110, 120), (90, 80), (80, 80)), Rules(step=0.1, costs=costs))
    bought, sold = told(market, [LONG, CLOSE_LONG])
    quantity = 0.1 / 100  # a tenth of 1, at the close that was seen
    assert bought["done"] == quantity
    paid, got = slipped(110.0, 1, 0.003, 0.0, 0.0), slipped(90.0, -1, 0.003, 0.0, 0.0)
    after_entry = 1 - fee(quantity * paid, 0.002) + quantity * (120 - paid)
    assert bought["equity"] == pytest.approx(after_entry, abs=1e-15)
    after_exit = 1 - fee(quantity * paid, 0.002) - fee(quantity * got, 0.002) + quantity * (got - paid)
    assert sold["equity"] == pytest.approx(after_exit, abs=1e-15)
    assert bought["cost"] == pytest.approx(fee(quantity * paid, 0.002) + quantity * (paid - 110), abs=1e-15)
    assert sold["cost"] == pytest.approx(fee(quantity * got, 0.002) + quantity * (90 - got), abs=1e-15)


@given(st.lists(st.sampled_from(list(Action)), min_size=1, max_size=30), st.integers(0, 10_000))
def test_equity_is_what_was_earned_without_costs_less_the_costs(actions: list[Action], seed: int) -> None:
    """Every change of position is booked at the mid by hand; the account, with entries and averages, agrees."""
    random = np.random.default_rng(seed)
    prices = 100 * np.exp(np.cumsum(random.normal(0, 0.05, (32, 2)).ravel())).reshape(32, 2)
    market = Market(tape(*map(tuple, prices.tolist())), Rules(step=0.1, ruin=0.0))
    cash, position = 1.0, 0.0
    for at, info in enumerate(told(market, actions)):
        cash -= info["done"] * prices[at + 1, 0] + info["cost"]
        position += info["done"]
        assert info["equity"] == pytest.approx(cash + position * prices[at + 1, 1], rel=1e-12)


def test_holding_and_what_is_not_held_cost_nothing() -> None:
    market = Market(tape((100, 100), (110, 120), (90, 80), (80, 80)))
    found = told(market, [HOLD, Action.REDUCE_SHORT, CLOSE_LONG])
    assert [(one["asked"], one["cost"], one["equity"]) for one in found] == [(0.0, 0.0, 1.0)] * 3


def test_a_short_earns_what_a_long_loses() -> None:
    bars, free = falling(5), Rules(costs=FREE)
    long, short = (told(Market(bars, free), [side, HOLD, HOLD])[-1]["equity"] for side in (LONG, SHORT))
    assert short > 1
    assert short - 1 == pytest.approx(1 - long, rel=1e-12)


def test_turning_a_position_round_books_the_old_one_and_opens_at_the_new_price() -> None:
    account = Account(1000.0).after(2.0, 100.0, FREE).after(-5.0, 110.0, FREE)
    assert account == Account(1020.0, -3.0, 110.0)


# What is clipped


def test_the_step_beyond_the_cap_is_clipped_and_says_why() -> None:
    market = Market(FLAT_PRICES, Rules(step=0.15, costs=FREE))
    first, second, third = told(market, [LONG, LONG, LONG])
    assert (first["done"], first["clipped_by"]) == (first["asked"], None)
    assert second["asked"] == pytest.approx(0.15 / 100)
    assert second["done"] == pytest.approx(0.05 / 100)
    assert second["clipped_by"] == "exposure_cap"
    assert (third["done"], third["clipped_by"]) == (pytest.approx(0.0, abs=1e-15), "exposure_cap")


def test_exactly_the_cap_is_allowed() -> None:
    assert Supervisor()(Asked(0.2, 0.0, 1.0, 1.0, 0.0)) == Clip(0.2)
    assert Supervisor()(Asked(-0.3, 0.0, 1.0, 1.0, 0.0)) == Clip(-0.2, "exposure_cap")


def test_more_against_a_position_than_it_holds_only_closes_it() -> None:
    assert Supervisor()(Asked(-0.15, 0.1, 1.0, 1.0, 0.0)) == Clip(-0.1, "opposite_position")


def test_a_spot_account_sells_no_more_than_it_holds() -> None:
    spot = Supervisor(short=False)
    assert spot(Asked(-0.1, 0.0, 1.0, 1.0, 0.0)) == Clip(0.0, "spot_cannot_short")
    assert spot(Asked(-0.1, 0.1, 1.0, 1.0, 0.0)) == Clip(-0.1)


def test_after_the_drawdown_nothing_is_opened_until_the_episode_ends() -> None:
    """A fifth of equity falls by three quarters; the latch stays though the price comes back."""
    prices = [(100, 100), (100, 100), (25, 25), (25, 25), (100, 100), (100, 100), (100, 100)]
    market = Market(tape(*prices), Rules(step=0.2, costs=FREE))
    found = told(market, [LONG, HOLD, HOLD, HOLD, CLOSE_LONG, SHORT])
    assert found[2]["equity"] == pytest.approx(0.85)
    assert found[4]["clipped_by"] is None
    assert found[4]["equity"] == pytest.approx(1.0)
    assert (found[5]["done"], found[5]["clipped_by"]) == (0.0, "drawdown")
    market.reset(options={"start": 4})
    assert market.step(SHORT)[4]["clipped_by"] is None


@given(
    st.floats(-10, 10).filter(bool),
    st.floats(-10, 10),
    st.floats(0.01, 1e5),
    st.floats(-1, 1e6),
    st.floats(0, 1),
    st.booleans(),
)
def test_limits_only_shrink_and_never_stop_an_exit(
    change: float, position: float, mark: float, equity: float, drawdown: float, short: bool
) -> None:
    clip = Supervisor(short=short)(Asked(change, position, mark, equity, drawdown))
    assert 0 <= clip.change / change <= 1
    assert (clip.by is None) == (clip.change == change)
    if change * position < 0:
        assert abs(clip.change) == min(abs(change), abs(position))


def test_limits_that_enlarge_are_refused() -> None:
    market = Market(FLAT_PRICES, Rules(limits=lambda asked: Clip(2 * asked.change)))
    market.reset()
    with pytest.raises(ConfigError, match="may only shrink"):
        market.step(LONG)


def test_no_setting_loosens_a_ceiling() -> None:
    with pytest.raises(ConfigError, match=r"max_exposure must be above 0 and at most 0\.2, found 0\.21"):
        Supervisor(max_exposure=0.21)
    with pytest.raises(ConfigError, match="max_drawdown"):
        Supervisor(max_drawdown=0.2)


# What is seen


def test_the_account_is_seen_as_it_stands_at_the_close() -> None:
    market = Market(tape((100, 100), (100, 110), (110, 110)), Rules(step=0.1, costs=FREE))
    seen, _ = market.reset()
    assert seen.tolist() == [0.0, 0.0, 0.0, 1.0]
    seen, reward, ruined, ended, _ = market.step(LONG)
    assert seen == pytest.approx([1.0, 0.11 / 1.01 / 0.1, 100 * 0.01 / 1.01, 1.0], rel=1e-6)
    assert reward == pytest.approx(0.01 - 0.01**2)
    assert (ruined, ended) == (False, False)


def test_nothing_of_a_later_bar_is_seen() -> None:
    """Prices after bar 150 are others, and so are features; what was seen, filled and paid until then is the same."""
    bars = walk(300)
    scale = np.where(np.arange(300) > 150, 3.0, 1.0)
    other = replace(bars, **{name: getattr(bars, name) * scale for name in ("open", "high", "low", "close")})
    names = ("bollinger_width_20", "return_1", "return_4")
    preparation = fit_preparation(frame(Inputs(bars), names), slice(20, 100))
    seen = []
    for one in (bars, other):
        market = Market(tape_of(one, frame(Inputs(one), names), preparation, slice(50, None)))
        actions = np.random.default_rng(4).integers(0, len(Action), 150)
        first, _ = market.reset()
        seen.append([first, *(market.step(action)[0] for action in actions)])
    assert np.array_equal(seen[0][:101], seen[1][:101])
    assert not np.array_equal(seen[0][101], seen[1][101])


def test_a_tape_with_a_hole_is_refused_by_name() -> None:
    bars = walk(100)
    features = frame(Inputs(bars), ("return_4", "return_1"))
    preparation = fit_preparation(features, slice(None))
    with pytest.raises(DataRefused, match="the features return_4, return_1 are not known on all of 100 bars"):
        tape_of(bars, features, preparation)
    with pytest.raises(DataRefused, match="needs 3 bars, found 2"):
        tape((1, 1), (1, 1))
    with pytest.raises(DataRefused, match="open must be finite and above 0"):
        tape((1, 1), (0, 1), (1, 1))
    with pytest.raises(DataRefused, match="features of 100 bars for 99"):
        tape_of(walk(99), features, preparation)


# How it begins and ends


def test_an_episode_ends_with_the_tape_or_its_length() -> None:
    def length(bars: Tape, rules: Rules) -> int:
        market = Market(bars, rules)
        market.reset(seed=3)
        for n in range(1, 100):
            _, _, ruined, ended, _ = market.step(HOLD)
            assert not ruined
            if ended:
                return n
        raise AssertionError

    assert length(FLAT_PRICES, Rules()) == 11
    assert length(FLAT_PRICES, Rules(episode=5)) == 5
    with pytest.raises(ConfigError, match="12 bars does not fit into 12"):
        Market(FLAT_PRICES, Rules(episode=12))


def test_ruin_ends_an_episode() -> None:
    market = Market(falling(60, by=0.1), Rules(step=1.0, limits=unlimited, ruin=0.5))
    market.reset()
    ends = [market.step(action)[2:4] for action in [LONG, *[HOLD] * 8]]
    assert ends == [(False, False)] * 8 + [(True, False)]


def test_a_seed_repeats_an_episode_and_another_does_not() -> None:
    sample = spells(400)
    market = Market(tape_of_returns(sample.x, sample.y), Rules(episode=50))

    def played(seed: int) -> list[float]:
        market.action_space.seed(seed)
        market.reset(seed=seed)
        return [market.step(market.action_space.sample())[1] for _ in range(50)]

    assert played(5) == played(5)
    assert played(5) != played(6)
