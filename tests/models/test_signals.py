"""Outside signals: what is right earns a vote, what is wrong or lucky none, and nothing is judged before its time."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from core.bars import Bars
from core.ports import Abstain, Forecast
from core.quotes import OutsideSignal
from core.taint import Taint
from core.time import HOUR_NS
from models.scores import LEAST_SCORED, Scorecard, until
from models.signals import judge_signal, read_signal
from tests.models.builders import bars_of, walk

HORIZON = 12


def word(bars: Bars, at: int, value: float | str, *, late_ns: int = 0, event_late_ns: int = 0) -> OutsideSignal:
    """Said at the close of a bar, or later."""
    close_ns = int(bars.open_ns[at]) + HOUR_NS
    return OutsideSignal("signal:guru", Decimal(str(value)), close_ns + event_late_ns, close_ns + late_ns)


def rises(bars: Bars, at: int) -> int:
    return 1 if bars.close[at + HORIZON] > bars.close[at] else -1


def planted(bars: Bars, right: float, seed: int = 1) -> list[OutsideSignal]:
    """A word every horizon that is right so often, up to the last bar: those of the last horizon are guesses."""
    chance = np.random.default_rng(seed)
    said = []
    for at in range(0, len(bars), HORIZON):
        truth = rises(bars, at) if at + HORIZON < len(bars) else 1
        said.append(word(bars, at, truth if chance.random() < right else -truth))
    return said


def judged(said: list[OutsideSignal], bars: Bars, origins: int = 60) -> Scorecard:
    card = judge_signal("signal:guru", said, bars, horizon=HORIZON, origins=origins)
    assert isinstance(card, Scorecard)
    return card


def first_words(n: int) -> tuple[list[OutsideSignal], Bars]:
    """`n` right words and just the bars that judge them."""
    bars = walk(600)
    return planted(bars, 1)[:n], until(bars, HORIZON * n + 1)


def test_a_source_that_said_nothing_has_no_record_and_no_opinion() -> None:
    assert isinstance(judge_signal("signal:guru", [], walk(600), horizon=HORIZON), Abstain)
    found = read_signal("signal:guru", [], walk(600), horizon=HORIZON)
    assert found == Abstain("signal:guru said nothing over the last 12 bars")


@pytest.mark.parametrize("n", [0, 1, HORIZON])
def test_a_history_shorter_than_the_horizon_judges_nothing(n: int) -> None:
    bars = walk(600)
    assert isinstance(judge_signal("signal:guru", planted(bars, 1), until(bars, n), horizon=HORIZON), Abstain)
    read_signal("signal:guru", planted(bars, 1), until(bars, n), horizon=HORIZON)  # and it does not fail


def test_one_word_too_few_is_no_record() -> None:
    said, bars = first_words(LEAST_SCORED - 1)
    found = judge_signal("signal:guru", said, bars, horizon=HORIZON)
    assert isinstance(found, Abstain)
    assert f"needs {LEAST_SCORED} outcomes to be scored, found {LEAST_SCORED - 1}" in found.reason
    said, bars = first_words(LEAST_SCORED)
    assert judged(said, bars).n == LEAST_SCORED


def test_a_word_whose_horizon_has_not_passed_is_not_counted() -> None:
    said, bars = first_words(LEAST_SCORED)
    short = until(bars, len(bars) - 1)
    assert isinstance(judge_signal("signal:guru", said, short, horizon=HORIZON), Abstain)


def test_a_source_that_is_always_right_earns_weight() -> None:
    card = judged(planted(walk(780), 1), walk(780))
    assert card.hit_rate == 1
    assert card.weight == min(card.skill, card.log_skill) > Decimal("0.4")
    assert card.mean_return > card.naive_return


def test_a_source_that_is_always_wrong_is_muted_and_not_read_upside_down() -> None:
    bars = walk(780)
    said = planted(bars, 0)
    card = judged(said, bars)
    assert (card.hit_rate, card.weight) == (Decimal(0), Decimal(0))
    assert read_signal("signal:guru", said, bars, horizon=HORIZON) == Forecast(Decimal("0.5"), Decimal(0))


def test_of_sources_that_guess_nearly_all_are_muted() -> None:
    votes = 0
    for seed in range(100):
        bars = walk(780, seed=seed)
        votes += judged(planted(bars, 0.5, seed=1000 + seed), bars).weight > 0
    assert votes <= 6  # 20 of them beat the baseline by luck; 2 in 200 of other seeds were not caught


def test_a_source_that_says_up_in_a_rising_market_has_no_edge() -> None:
    bars = walk(780, drift=0.004, volatility=0.004)
    said = [word(bars, at, 1) for at in range(0, len(bars), HORIZON)]
    card = judged(said, bars)
    assert card.hit_rate > Decimal("0.9")
    assert (card.mean_return, card.weight) == (card.naive_return, Decimal(0))


def test_a_source_that_is_right_of_small_moves_and_wrong_of_large_ones_is_muted() -> None:
    bars = walk(2400)
    places = range(0, 2388, HORIZON)
    sizes = np.abs([np.log(bars.close[at + HORIZON] / bars.close[at]) for at in places])
    small = sizes < np.quantile(sizes, 0.75)
    said = [word(bars, at, rises(bars, at) * (1 if small[i] else -1)) for i, at in enumerate(places)]
    card = judged(said, bars)
    assert card.hit_rate > Decimal("0.7")
    assert card.skill > 0
    assert card.mean_return < card.naive_return
    assert card.weight == 0


def test_each_word_is_scored_by_what_was_known_when_it_was_heard() -> None:
    """The probability behind each outcome is the one that a cycle at that bar was told."""
    bars = walk(600)
    said = planted(bars, 0.7)
    off = []
    for at in range(0, 600 - HORIZON, HORIZON):
        told = read_signal("signal:guru", said, until(bars, at + 1), horizon=HORIZON)
        assert isinstance(told, Forecast)
        off.append((float(told.p_up) - (rises(bars, at) > 0)) ** 2)
    assert float(judged(said, bars).brier) == pytest.approx(np.mean(off))


def test_how_loud_a_source_speaks_earns_it_nothing() -> None:
    """Right three times of four at full voice is a bad probability, and yet a good source."""
    bars = walk(2400, seed=4)
    loud = planted(bars, 0.75)
    quiet = [replace(one, value=one.value / 4) for one in loud]
    card = judged(loud, bars, 180)
    assert 1 - card.hit_rate > card.baseline_brier  # its score, were it believed as it speaks
    assert card.weight > 0
    found = read_signal("signal:guru", loud, bars, horizon=HORIZON)
    assert isinstance(found, Forecast)
    assert Decimal("0.3") < found.p_up < Decimal("0.7")
    assert (judged(quiet, bars, 180).hit_rate, judged(quiet, bars, 180).weight > 0) == (card.hit_rate, True)


def test_words_of_one_horizon_count_once() -> None:
    bars = walk(300)
    often = [word(bars, at, rises(bars, at)) for at in range(300 - HORIZON)]
    assert judged(often, bars).n == 24


def test_a_word_is_judged_from_when_it_was_known_and_not_from_its_event() -> None:
    """The price jumps an hour after each event: who told it two hours late told nothing."""
    ups = np.random.default_rng(5).integers(0, 2, 65) * 2 - 1
    moves = np.zeros(780)
    moves[1::HORIZON] = ups * 0.01
    bars = bars_of(list(100 * np.exp(np.cumsum(moves))))
    told = [word(bars, at, int(ups[at // HORIZON])) for at in range(0, 768, HORIZON)]
    assert judged(told, bars).hit_rate == 1
    late = [replace(one, known_at_ns=one.known_at_ns + 2 * HOUR_NS) for one in told]
    assert judged(late, bars).hit_rate < Decimal("0.7")


def test_a_word_that_comes_after_its_horizon_is_not_heard() -> None:
    bars = walk(780)
    late = [replace(one, known_at_ns=one.known_at_ns + HORIZON * HOUR_NS) for one in planted(bars, 1)]
    assert isinstance(judge_signal("signal:guru", late, bars, horizon=HORIZON), Abstain)


def test_a_word_of_the_future_changes_no_answer() -> None:
    bars = walk(780)
    said = planted(bars, 0.8)
    end_ns = int(bars.open_ns[-1]) + HOUR_NS
    later = [*said, OutsideSignal("signal:guru", Decimal(-1), end_ns, end_ns + 1)]
    assert read_signal("signal:guru", later, bars, horizon=HORIZON) == read_signal(
        "signal:guru", said, bars, horizon=HORIZON
    )
    assert judged(later, bars) == judged(said, bars)


def test_what_was_judged_does_not_depend_on_later_bars_or_words() -> None:
    bars = walk(780)
    cut = until(bars, 500)
    said = planted(bars, 0.8)
    known = [one for one in said if one.known_at_ns <= int(cut.open_ns[-1]) + HOUR_NS]
    assert judged(said, cut) == judged(known, cut)


def test_a_wrong_word_that_is_mended_later_was_wrong_all_the_same() -> None:
    bars = walk(780)
    said = planted(bars, 0)
    mended = [replace(one, value=-one.value, known_at_ns=one.known_at_ns + 6 * HOUR_NS) for one in said]
    both = sorted([*said, *mended], key=lambda one: one.known_at_ns)
    assert judged(mended, bars).hit_rate > Decimal("0.55")  # half of the move had passed by then
    assert (judged(both, bars).hit_rate, judged(both, bars).weight) == (Decimal(0), Decimal(0))


def test_news_of_an_older_event_does_not_replace_a_newer_word() -> None:
    bars = walk(780)
    said = planted(bars, 1)
    stale = word(bars, 779, -1, event_late_ns=-40 * HOUR_NS)
    assert read_signal("signal:guru", [*said, stale], bars, horizon=HORIZON) == read_signal(
        "signal:guru", said, bars, horizon=HORIZON
    )


def test_a_word_holds_for_its_horizon_and_no_longer() -> None:
    bars = walk(780)
    last = 63 * HORIZON
    said = planted(bars, 1)[:64]
    assert said[-1].ts_event_ns == int(bars.open_ns[last]) + HOUR_NS
    assert isinstance(read_signal("g", said, until(bars, last + HORIZON), horizon=HORIZON), Forecast)
    assert isinstance(read_signal("g", said, until(bars, last + HORIZON + 1), horizon=HORIZON), Abstain)


def test_a_hostile_word_is_not_heard() -> None:
    bars = walk(780)
    said = [replace(one, taint=Taint.HOSTILE) for one in planted(bars, 1)]
    assert isinstance(judge_signal("signal:guru", said, bars, horizon=HORIZON), Abstain)
