"""Names are computed: a change of any of these values would orphan every stored run, cycle and order."""

import re

from core import identity

CYCLE = identity.cycle_id("paper", "run-1", ("BTC/USDT", "ETH/USDT"), 1_621_429_200_000_000_000, 0)
PROPOSAL = identity.cycle_proposal_id(CYCLE, 0, 0)


def test_known_names_stay_as_they_are() -> None:
    assert CYCLE == "7eeb3484-ea99-5918-a4c7-e9ae008b8123"
    assert PROPOSAL == "864c772c-15b2-524c-8825-52ff823666c5"
    assert identity.stop_proposal_id(PROPOSAL, 1) == "ec7db982-019c-5749-9a61-47275644951e"
    assert identity.client_order_id(PROPOSAL, 1) == "ae2d91e1dab1533290bfb9884e81c873"
    assert (
        identity.run_id({"every": "4h"}, ["abc"], "policy", 0)
        == "0401b4fe3e58526512e2a37d23fe92fa8187fe7999b19e4e12b63d4213ff9f45"
    )


def test_a_client_order_id_is_32_hexadecimal_characters() -> None:
    assert re.fullmatch("[0-9a-f]{32}", identity.client_order_id(PROPOSAL, 1))


def test_every_attempt_has_its_own_client_order_id() -> None:
    assert identity.client_order_id(PROPOSAL, 1) != identity.client_order_id(PROPOSAL, 2)


def test_a_revision_is_another_proposal() -> None:
    assert identity.cycle_proposal_id(CYCLE, 0, 0) != identity.cycle_proposal_id(CYCLE, 0, 1)


def test_a_stop_that_fires_again_is_another_proposal() -> None:
    assert identity.stop_proposal_id("stop", 1) != identity.stop_proposal_id("stop", 2)


def test_kinds_of_names_never_meet() -> None:
    assert identity.stop_proposal_id("x", 1) != identity.client_order_id("x", 1)


def test_the_same_command_over_another_policy_is_another_run() -> None:
    same = ({"every": "4h"}, ["abc"])
    assert identity.run_id(*same, "strict", 0) != identity.run_id(*same, "loose", 0)


def test_the_same_command_again_is_another_run() -> None:
    assert identity.run_id({}, [], "policy", 0) != identity.run_id({}, [], "policy", 1)


def test_the_order_of_a_commands_arguments_does_not_count() -> None:
    assert identity.run_id({"a": 1, "b": 2}, [], "p", 0) == identity.run_id({"b": 2, "a": 1}, [], "p", 0)
