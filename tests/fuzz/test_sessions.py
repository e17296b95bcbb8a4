"""Small campaigns through the whole gate: real books, tickets and breakers, and nothing slips through."""

import pytest

from fuzz.sessions import Sessions
from fuzz.tally import Tally

SEED = 4


@pytest.fixture(scope="module")
def small() -> Tally:
    total = Tally()
    for number in range(3):
        total.add(Sessions().run(SEED, number, 60))
    return total


def test_a_small_campaign_finds_no_breach(small: Tally) -> None:
    assert small.found == []
    assert not small.breaches
    assert not small.unfounded


def test_orders_of_it_reach_the_venue(small: Tally) -> None:
    assert small.reached >= 10
    assert small.allowed >= 10
    assert len(small.denied) >= 20


def test_a_session_can_be_run_again_by_its_number_alone() -> None:
    assert Sessions().run(SEED, 5, 25) == Sessions().run(SEED, 5, 25)


@pytest.mark.parametrize(
    "attack", ["several_propose_at_once", "somebody_misuses_a_ticket", "a_send_is_held_up", "the_process_restarts"]
)
def test_more_of_one_attack_finds_no_breach_either(attack: str) -> None:
    found = Sessions(often=attack).run(SEED, 7, 40)
    assert found.found == []
    assert found.events[attack.replace("_", " ")] >= 5
