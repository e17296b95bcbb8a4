"""The campaign at every other venue that is emulated: few lives, half of them with a process that is killed."""

from itertools import count, islice

import pytest

from chaos.campaign import campaign
from chaos.plan import FAULTS, STREAMS, Plan, Stage, cells, plan
from chaos.plants import RESEND
from chaos.surfaces import BINANCE, SURFACES
from execution.venues.exchange.facts import facts_of

SEED = 1
LIVES = 12
OTHERS = [name for name in SURFACES if name != BINANCE]
SLOW = ("hang", "silent", "late", "drip")  # each is waited for
TAKEN = ("unanswered", "late_status", "html", "empty", "malformed", "truncated")


def numbers(where: str, lives: int, *, killed: bool) -> list[int]:
    def wanted(life: Plan) -> bool:
        return (life.knife is not None) is killed and life.fault not in SLOW and not life.streams

    return list(islice((n for n in count() if wanted(plan(SEED, n, where))), lives))


@pytest.mark.parametrize("where", OTHERS)
def test_lives_at_another_venue_lose_and_double_nothing(where: str) -> None:
    half = LIVES // 2
    tally = campaign(SEED, [*numbers(where, half, killed=False), *numbers(where, half, killed=True)], 2, where=where)
    assert tally.found.total() == 0, tally.words
    assert (tally.lives, tally.where) == (LIVES, where)
    assert tally.attempts >= half
    assert tally.kills.total() > 0
    assert tally.cells.total() > 0


def answer_lost(life: Plan) -> bool:
    """Of an order that trades at once: Kraken would take its id a second time."""
    sent = life.stage is Stage.SENDING and life.fault in TAKEN and life.times == 1
    return sent and life.takes and life.knife is None and not life.exits


def test_a_blind_resend_at_kraken_is_found() -> None:
    where = "kraken spot"
    lives = list(islice((n for n in count() if answer_lost(plan(SEED, n, where))), 3))
    tally = campaign(SEED, lives, 2, RESEND, where=where)
    assert tally.found["doubled"] > 0, tally.words


@pytest.mark.parametrize("where", list(SURFACES))
def test_every_fault_that_the_venue_can_meet_is_planned_there(where: str) -> None:
    planned = {plan(SEED, n, where).fault for n in range(len(cells(where)))}
    assert planned == set(FAULTS) - (set() if SURFACES[where].streams else set(STREAMS))


@pytest.mark.parametrize("where", list(SURFACES))
def test_a_row_is_of_a_venue_and_a_kind_that_the_facts_know(where: str) -> None:
    row = SURFACES[where]
    assert facts_of(row.exchange, row.kind).proven


def test_the_name_of_a_fill_is_the_number_that_the_venue_gave_it() -> None:
    assert SURFACES[BINANCE].numbers("BTCUSDT/12/7") == "12/7"
    assert SURFACES["kraken spot"].numbers("XBTUSDT/O00000-00000-00000C/TXBTUSDT-000000000007") == "12/7"
