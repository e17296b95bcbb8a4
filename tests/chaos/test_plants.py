"""A small campaign finds what is planted: a send that is simply repeated, and an order that is not durable first."""

from itertools import count, islice

from chaos.campaign import Tally, campaign
from chaos.plan import Knife, Plan, Stage, plan
from chaos.plants import RESEND, UNDURABLE

SEED = 1
LIVES = 6
# The venue took the order, and its answer is worth nothing.
TAKEN = ("unanswered", "late_status", "html", "empty", "malformed", "truncated")
AWAY = (Knife.ON_WIRE, Knife.ANSWERED)


def answer_lost(life: Plan) -> bool:
    """Of an order that trades at once: the venue would take its id a second time."""
    sent = life.stage is Stage.SENDING and life.fault in TAKEN and life.times == 1
    return sent and life.takes and life.knife is None and not life.exits


def dies_in_the_send(life: Plan) -> bool:
    """The process does, while its request is away or answered."""
    return life.knife in AWAY and life.stage in (Stage.SENDING, Stage.OPEN, Stage.OVER) and not life.streams


def numbers(wanted: object) -> list[int]:
    assert callable(wanted)
    return list(islice((n for n in count() if wanted(plan(SEED, n))), LIVES))


def ran(wanted: object, plant: str | None) -> Tally:
    tally = campaign(SEED, numbers(wanted), 2, plant)
    assert tally.lives == LIVES
    return tally


def test_a_repeated_send_is_found() -> None:
    tally = ran(answer_lost, RESEND)
    assert tally.found["doubled"] > 0, tally.words


def test_a_send_that_was_not_durable_first_is_found() -> None:
    tally = ran(dies_in_the_send, UNDURABLE)
    assert tally.kills.total() > 0
    assert tally.found["lost"] + tally.found["doubled"] > 0, tally.words


def test_the_same_lives_without_either_find_nothing() -> None:
    wanted = [*numbers(answer_lost)[:3], *numbers(dies_in_the_send)[:3]]
    tally = campaign(SEED, wanted, 2)
    assert tally.found.total() == 0, tally.words
    assert tally.kills.total() >= 3
