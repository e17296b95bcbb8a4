from datetime import date
from decimal import Decimal

import pytest

from core.ports import Abstain
from models.sentiment.decisions import RateDecision, rate_decision
from models.sentiment.stance import stance
from models.sentiment.statements import agreement, statements
from tests.models.sentiment.networks import shared

HIKE = "The Committee decided to raise the target range for the federal funds rate to 1-1/4 to 1\u20111/2 percent."
CUT = "The Committee decided today to lower its target for the federal funds rate by 50 basis points to 1 1/4 percent."
HOLD = "The Committee decided to keep its target for the federal funds rate at 5-1/4 percent."


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (HIKE, RateDecision(1, 1.5, None)),
        (HIKE.replace("\u2011", "\u00e2\u0080\u0091"), RateDecision(1, 1.5, None)),
        (CUT, RateDecision(-1, 1.25, 50)),
        (HOLD, RateDecision(0, 5.25, None)),
        (
            "The Committee decided to increase slightly the degree of pressure on reserve positions.",
            RateDecision(1, None, None),
        ),
        (
            "The federal funds rate is expected to fall 25 basis points to around 4-3/4 percent.",
            RateDecision(-1, 4.75, 25),
        ),
    ],
)
def test_a_decision_is_read_with_its_level_and_its_size(statement: str, expected: RateDecision) -> None:
    assert rate_decision(statement) == expected


def test_what_a_dissenter_wanted_and_what_may_come_is_no_decision() -> None:
    dissent = " Voting against was A. Member, who preferred to lower the target for the federal funds rate."
    ahead = "The Committee expects that further increases in the target range for the federal funds rate fit. "
    assert rate_decision(HOLD + dissent) == RateDecision(0, 5.25, None)
    assert rate_decision(ahead + HOLD) == RateDecision(0, 5.25, None)
    assert isinstance(rate_decision(dissent), Abstain)


def test_a_text_without_a_decision_is_an_abstention() -> None:
    assert isinstance(rate_decision(""), Abstain)
    assert isinstance(rate_decision("Bitcoin rises to 5 percent of all portfolios."), Abstain)


def test_a_heating_economy_is_hawkish_and_a_cooling_one_dovish() -> None:
    assert stance("Inflation has risen. Job gains have been strong.") == Decimal(1)
    assert stance("Economic activity has slowed. Unemployment has risen.") == Decimal(-1)
    assert stance("Inflation has risen. Household spending has weakened.") == Decimal(0)


def test_a_negation_turns_a_clause_and_the_decision_itself_says_nothing() -> None:
    assert stance("Inflation has not increased.") == Decimal(-1)
    assert isinstance(stance(HIKE), Abstain)
    assert isinstance(stance(""), Abstain)


def test_on_real_statements_moves_and_levels_agree_with_each_other() -> None:
    told = statements(shared("data/macro"))
    assert len(told) > 190
    level: float | None = None
    contradicted: list[date] = []
    levels = 0
    for day, texts in told.items():
        tellings = {rate_decision(text) for text in texts}
        assert len(tellings) == 1, f"{day}: two copies of one statement are read differently"
        decision = tellings.pop()
        if not isinstance(decision, RateDecision):
            continue
        if decision.level is not None and level is not None:
            levels += 1
            if (decision.level > level) - (decision.level < level) != decision.sign:
                contradicted.append(day)
        if decision.level is not None:
            level = decision.level
        elif decision.sign:
            level = None
    assert levels > 150
    # In December 2008 a range was 'established', which tells no direction; its level shows at the next meeting.
    assert contradicted == [date(2009, 1, 28)]


def test_on_real_statements_the_stance_is_ordered_as_the_decisions_are() -> None:
    found = agreement(statements(shared("data/macro")))
    assert found.unread < 10
    assert found.moves > 50
    assert found.mean[-1] < found.mean[0] < found.mean[1]
    assert found.same > 0.6
