"""The evaluation cases that ship with the policy hold, and a case that does not hold says so."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from core.errors import ConfigError
from risk.breakers import STANDARD, Breaker
from risk.cases import Case, parse, run, shipped
from risk.settings import RiskSettings

CASES = shipped()


def with_breakers(breakers: Sequence[Breaker]) -> RiskSettings:
    """The standard policy with other breakers, whether or not a policy may have them."""
    return RiskSettings().model_copy(update={"breakers": tuple(breakers)})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_standard_policy_answers_as_its_cases_say(case: Case) -> None:
    (outcome,) = run([case], RiskSettings())
    assert outcome.failure is None


def test_there_are_enough_cases_and_each_breaker_is_a_cause_in_one() -> None:
    assert len(CASES) >= 25
    named = {name for case in CASES for step in case.steps for name in step.causes}
    assert named == {breaker.name for breaker in STANDARD}


@pytest.mark.parametrize("breaker", STANDARD, ids=lambda b: b.name)
def test_some_case_fails_without_this_breaker(breaker: Breaker) -> None:
    rest = [b for b in STANDARD if b is not breaker]
    assert any(outcome.failure for outcome in run(CASES, with_breakers(rest)))


HAIR = Decimal("0.000001")
COUNTED = {"yes", "found", "faults", "calls", "trips"}


@pytest.mark.parametrize("breaker", STANDARD, ids=lambda b: b.name)
@pytest.mark.parametrize("by", [-1, 0, 1], ids=["earlier", "boundary", "later"])
def test_some_case_fails_where_a_threshold_moves_by_a_hair(breaker: Breaker, by: int) -> None:
    """Cases stand at every threshold, and just below and beyond it."""
    word, other = ("at", "over") if breaker.at is not None else ("over", "at")
    moved = breaker.limit + by * (1 if breaker.reads.unit in COUNTED else HAIR)
    if not moved:
        pytest.skip("nothing is earlier than one of what is counted")
    fields = {word: moved} if by else {word: None, other: breaker.limit}
    changed = Breaker.model_validate({**breaker.model_dump(), **fields})
    assert any(
        outcome.failure for outcome in run(CASES, with_breakers([changed if b is breaker else b for b in STANDARD]))
    )


HALVED = """
[[case]]
name = "a small loss"
steps = [{ readings = { day_loss = 0.02 }, state = "active", caps = 0.5, causes = ["day_caps"] }]
"""


def test_a_case_that_holds_has_no_failure() -> None:
    assert [o.failure for o in run(parse(HALVED, "mine"), RiskSettings())] == [None]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('caps = 0.5, causes = ["day_caps"]', 'caps = 0.4, causes = ["day_caps"]'),
        ('state = "active"', 'state = "reducing"'),
        ('causes = ["day_caps"]', "causes = []"),
    ],
)
def test_a_case_that_does_not_hold_says_where_what_was_found_and_what_was_expected(wrong: str, said: str) -> None:
    (outcome,) = run(parse(HALVED.replace(wrong, said), "mine"), RiskSettings())
    assert outcome.failure is not None
    assert outcome.failure.startswith(
        "step 1 at 2026-03-02 12:00:00Z: found active with 0.5 of the caps by day_caps, expected "
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[case", "mine is not TOML"),
        ("[[cases]]\nname = 'x'", "mine: unknown key cases, allowed is case"),
        ("[[case]]\nname = 'x'\nsteps = []", "case.0.steps"),
        (HALVED.replace("day_loss", "mood"), "case.0.steps.0.readings.mood"),
        (HALVED.replace("0.02", "'little'"), "case.0.steps.0.readings.day_loss"),
        (HALVED.replace("0.02", "nan"), "case.0.steps.0.readings.day_loss"),
        (HALVED.replace("causes", "cause"), "case.0.steps.0.cause"),
        (HALVED + HALVED, "mine: two cases are named 'a small loss'"),
    ],
)
def test_a_file_of_cases_that_is_wrong_is_refused_where_it_is(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse(text, "mine")


# Orders.

ORDERED = """
[[case]]
name = "half of the caps"
[[case.steps]]
readings = { day_loss = 0.02 }
state = "active"
caps = 0.5
causes = ["day_caps"]
orders = [
    { side = "buy", quantity = 0.02, denied = [] },
    { side = "buy", quantity = 0.02001, denied = ["ASSET_EXPOSURE"] },
]
"""


def test_orders_are_judged_at_what_the_causes_leave_allowed() -> None:
    assert [o.failure for o in run(parse(ORDERED, "mine"), RiskSettings())] == [None]


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        (
            "0.02, denied",
            "0.021, denied",
            "buy 0.021 at the market: found it denied by ASSET_EXPOSURE, expected nothing",
        ),
        ("0.02001", "0.01", "buy 0.01 at the market: found it denied by nothing, expected ASSET_EXPOSURE"),
    ],
)
def test_an_order_that_is_judged_otherwise_is_named(was: str, now: str, said: str) -> None:
    (outcome,) = run(parse(ORDERED.replace(was, now), "mine"), RiskSettings())
    assert outcome.failure == f"step 1 at 2026-03-02 12:00:00Z: {said}"


def test_a_limit_of_ones_own_is_judged_too() -> None:
    tight = RiskSettings.model_validate({"max_spread_bps": "1"})
    orders = ORDERED.replace("0.02, denied", "0.01, denied").replace("orders", "scene = { spread_bps = 2 }\norders")
    (outcome,) = run(parse(orders, "mine"), tight)
    assert outcome.failure is not None
    assert "found it denied by SPREAD, expected nothing" in outcome.failure


@pytest.mark.parametrize(
    ("scene", "said"),
    [
        ("{ mood = 1 }", "scene.mood"),
        ("{ equity = 0 }", "scene.equity"),
        ("{ conditions = { weather = 1 } }", "Conditions has no weather, there are ask_depth"),
        ("{ intent = { taint = 9 } }", "taint: input should be"),
        ('{ activity = { orders_day = "many" } }', "orders_day: input should be"),
    ],
)
def test_a_scene_that_cannot_be_is_refused(scene: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"(?i){said}"):
        parse(ORDERED.replace("orders", f"scene = {scene}\norders"), "mine")
