"""A small campaign over the rules: nothing gets through that should not, and every code is told apart."""

from itertools import islice

import pytest

from fuzz.checks import CHECKS
from fuzz.reviews import Reviews, directed_at
from fuzz.tally import Tally

SEED = 20


@pytest.fixture(scope="module")
def small() -> Tally:
    return Reviews().run(SEED, 0, 4_000)


def test_a_small_campaign_finds_no_breach(small: Tally) -> None:
    assert small.found == []
    assert not small.breaches
    assert not small.unfounded


def test_no_rule_breaks_whatever_it_is_shown(small: Tally) -> None:
    assert not small.events


def test_it_covers_what_a_campaign_must_in_its_measure(small: Tally) -> None:
    assert small.proposals == 4_000
    assert small.shortfalls(least_alone=5) == []


def test_a_proposal_can_be_made_again_by_its_number_alone() -> None:
    together = Reviews().run(SEED, 40, 20)
    apart = Tally()
    for number in range(40, 60):
        apart.add(Reviews().run_these(SEED, [number]))
    assert together == apart


def test_another_seed_is_another_campaign(small: Tally) -> None:
    assert Reviews().run(SEED + 1, 0, 200).denied != Reviews().run(SEED, 0, 200).denied


@pytest.mark.parametrize("code", CHECKS)
def test_every_code_is_aimed_at_by_proposals_of_its_own(code: str) -> None:
    numbers = [*islice(directed_at(code), 12)]
    assert Reviews().run_these(SEED, numbers).alone[code] >= 2
