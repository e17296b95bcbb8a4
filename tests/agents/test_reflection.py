from dataclasses import replace
from decimal import Decimal

import pytest

from agents.reflection import UNKNOWN, Resolved, Tally, lesson, regime_of
from core.orders import Side
from core.taint import Taint
from core.time import HOUR_NS, parse_time
from tests.models.builders import bars_of

T0 = parse_time("2026-03-01T00:00Z")

# Bought at 100 in a rising market and sold at 90, twenty hours later: the worst of days for whoever saw it rise.
LOST = Resolved(
    account_id="paper",
    symbol="BTC/USDT",
    side=Side.BUY,
    regime="rising and calm",
    proposal_id="one",
    ended_by="its own exits",
    opened_ns=T0,
    known_ns=T0 + 20 * HOUR_NS,
    entry_price=Decimal(100),
    exit_price=Decimal(90),
    earned=Decimal("-0.101"),
    leans={"research": Decimal("0.5"), "sentiment": Decimal("-0.2")},
    trust=Taint.TRUSTED,
)
WON = replace(LOST, proposal_id="two", exit_price=Decimal(120), earned=Decimal("0.199"))


def told(*resolved: Resolved) -> str:
    """The lesson of the last of them."""
    tally = Tally()
    for one in resolved:
        tally = tally.adding(one)
    return lesson(resolved[-1], tally).text


def test_a_view_that_said_nothing_or_leaned_nowhere_is_neither_right_nor_wrong() -> None:
    assert LOST.right("forecast") is None
    assert replace(LOST, leans={"research": Decimal(0)}).right("research") is None


def test_a_price_that_went_nowhere_decides_nothing() -> None:
    assert replace(LOST, exit_price=LOST.entry_price).right("research") is None
    assert "nothing decided who was right" in told(replace(LOST, exit_price=LOST.entry_price))


@pytest.mark.parametrize(("one", "research", "sentiment"), [(LOST, False, True), (WON, True, False)])
def test_a_view_is_right_where_the_price_went_where_it_leaned(one: Resolved, research: bool, sentiment: bool) -> None:
    assert (one.right("research"), one.right("sentiment")) == (research, sentiment)


def test_a_short_that_earned_while_the_price_fell_does_not_make_who_saw_it_rise_right() -> None:
    short = replace(LOST, side=Side.SELL, earned=Decimal("0.1"))
    assert short.right("research") is False
    assert told(short).startswith("A short trade in a market that was rising and calm")


def test_one_trade_proves_nothing_and_the_lesson_says_so() -> None:
    assert told(LOST) == (
        "A long trade in a market that was rising and calm, ended by its own exits after 20 h: -10.10% net. "
        "Research leaned +0.50: wrong. The forecasters had no opinion. Texts leaned -0.20: right. "
        "It is the only such trade so far, and proves nothing."
    )


def test_several_are_counted_with_who_was_right_how_often() -> None:
    assert told(LOST, WON, LOST).endswith(
        "Of 3 such trades 1 won, -0.10% on average; research right 1 of 3 times; texts right 2 of 3 times."
    )


def test_what_nobody_knows_is_in_no_mean() -> None:
    unknown = replace(LOST, earned=None)
    assert "what it earned is not known" in told(unknown)
    assert "Of 2 such trades 1 won, +19.90% on average" in told(unknown, WON)
    assert "Of 2 such trades 0 won; research" in told(unknown, unknown)


def test_a_lesson_is_known_when_its_end_was_and_names_sample_regime_and_source() -> None:
    item = lesson(LOST, Tally().adding(LOST))
    assert (item.known_at_ns, item.n, item.topic) == (LOST.known_ns, 1, "long, rising and calm")
    assert (item.source, item.symbol, item.account, item.kind) == ("proposal:one", "BTC/USDT", "paper", "lesson")


@pytest.mark.parametrize("taint", Taint)
def test_a_lesson_is_trusted_as_little_as_the_worst_that_it_counts(taint: Taint) -> None:
    tally = Tally().adding(replace(LOST, trust=taint)).adding(WON)
    assert lesson(WON, tally).trust is taint


def test_no_word_of_a_thesis_can_get_into_a_lesson() -> None:
    fields = {name: kind for name, kind in Resolved.__annotations__.items() if kind in (str, "str")}
    assert set(fields) == {"account_id", "symbol", "regime", "proposal_id", "ended_by"}


@pytest.mark.parametrize(
    ("step", "regime"), [(0.003, "rising and calm"), (-0.003, "falling and calm"), (0.0, "sideways and calm")]
)
def test_the_kind_of_market_follows_its_trend(step: float, regime: str) -> None:
    wiggle = [0.002 if n % 2 else -0.002 for n in range(120)]
    assert regime_of(bars_of([100.0 * (1 + step) ** n * (1 + wiggle[n]) for n in range(120)])) == regime


def test_moves_half_as_large_again_as_usual_are_turbulent() -> None:
    wiggle = [(0.001 if n < 150 else 0.02) * (1 if n % 2 else -1) for n in range(180)]
    assert regime_of(bars_of([100.0 * (1 + w) for w in wiggle])) == "sideways and turbulent"


def test_a_market_without_enough_bars_is_of_no_known_kind() -> None:
    assert regime_of(bars_of([100.0] * 10)) == UNKNOWN
