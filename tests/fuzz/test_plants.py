"""The campaigns find what is planted: with a rule, a check of a ticket, or the reservation gone, there are breaches.

Each plant runs the campaign that finds nothing where nothing is planted (`test_reviews`, `test_sessions`).
"""

from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
from sqlalchemy import Connection

from core.orders import OrderState
from execution import orderbook
from execution.door import Door
from execution.kill import KillSwitch
from execution.tickets import ApprovedOrder, TicketOffice, TicketRefused
from fuzz.reviews import Reviews, directed_at
from fuzz.sessions import Sessions
from risk.review import Rulebook
from risk.rules import RULES
from risk.rules.base import Rule
from risk.states import Standing

SEED = 20


@pytest.mark.parametrize("missing", RULES, ids=[rule.code for rule in RULES])
def test_without_one_rule_the_campaign_finds_breaches_of_it(missing: Rule) -> None:
    proposals = islice(directed_at(missing.code), 40)
    found = Reviews([rule for rule in RULES if rule is not missing]).run_these(SEED, proposals)
    assert {f"{missing.code}: let through"} <= {*found.breaches}


# Through the whole gate.


def redeeming_without(*unchecked: str) -> Callable[[TicketOffice, ApprovedOrder, int], bool]:
    """The office's counter with some of its questions left out."""

    def redeem(office: TicketOffice, approved: ApprovedOrder, now_ns: int) -> bool:
        entries: Any = office._entries
        entry = entries.get(approved.nonce) if "spent" in unchecked else entries.pop(approved.nonce, None)
        if entry is None:
            raise TicketRefused("not minted here")
        wrong = {
            "hash": entry.order_hash != approved.order.order_hash,
            "account": entry.account_id != approved.order.account_id,
            "epoch": entry.epoch != office.epoch,
            "expiry": now_ns > entry.expires_ns,
        }
        if any(found for check, found in wrong.items() if check not in unchecked):
            raise TicketRefused("wrong")
        return bool(entry.reducing)

    return redeem


def forgetting_nothing(office: TicketOffice) -> None:
    """A new epoch that leaves the old tickets in the office."""
    office._epoch += 1


def blind_to_what_is_in_flight(conn: Connection, account_id: str) -> Any:
    """Open orders as if only what the venue has confirmed were there, and nothing were held back for it."""
    found, _ = _open_orders(conn, account_id)
    return tuple(order for order in found if order.state in (OrderState.OPEN, OrderState.PARTIAL)), {}


def judging_as_if_open(rulebook: Rulebook, order: Any, facts: Any, standing: Standing) -> Any:
    return _judge(rulebook, order, facts, Standing())


def without_a_switch(door: Door, venue: Any, office: Any, clock: Any, kill: Any, vitals: Any) -> None:
    _door(door, venue, office, clock, lambda: False, vitals)  # type: ignore[arg-type]


_open_orders, _judge, _door = orderbook.open_orders, Rulebook.judge, Door.__init__

HELD_UP, MISUSED, TOGETHER = "a_send_is_held_up", "somebody_misuses_a_ticket", "several_propose_at_once"
NOBODYS = "an order that nobody approved reached the venue"
PLANTS: dict[str, tuple[str, str, list[tuple[Any, str, Any]]]] = {
    "no ticket is asked for": (MISUSED, NOBODYS, [(TicketOffice, "redeem", lambda *_: True)]),
    "a spent ticket is good": (MISUSED, NOBODYS, [(TicketOffice, "redeem", redeeming_without("spent"))]),
    "a ticket is good for any order": (HELD_UP, NOBODYS, [(TicketOffice, "redeem", redeeming_without("hash"))]),
    "a ticket is good for any account": (
        HELD_UP,
        NOBODYS,
        [(TicketOffice, "redeem", redeeming_without("hash", "account"))],
    ),
    "a ticket never expires": (
        HELD_UP,
        "an order was sent on an expired approval",
        [(TicketOffice, "redeem", redeeming_without("expiry"))],
    ),
    "a ticket outlives a halt": (
        HELD_UP,
        "an order was sent on an approval from before a halt",
        [(TicketOffice, "redeem", redeeming_without("epoch")), (TicketOffice, "void_all", forgetting_nothing)],
    ),
    "what is in flight does not count": (
        TOGETHER,
        "let through",
        [(orderbook, "open_orders", blind_to_what_is_in_flight)],
    ),
    "the door does not look at the switch": (
        HELD_UP,
        "new risk was sent after the kill switch was pulled",
        [(Door, "__init__", without_a_switch)],
    ),
    "the switch does nothing": ("the_desk_is_stopped", "though halted", [(KillSwitch, "__call__", lambda _: False)]),
    "a closed desk is judged as open": (
        "the_desk_is_stopped",
        "though halted",
        [(Rulebook, "judge", judging_as_if_open)],
    ),
}


@pytest.mark.parametrize("plant", PLANTS)
def test_with_a_plant_in_the_gate_the_campaign_finds_breaches(plant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    attack, breach, changes = PLANTS[plant]
    for change in changes:
        monkeypatch.setattr(*change)
    found: set[str] = set()
    for number in range(12):
        found |= {*Sessions(often=attack).run(SEED, number, 60, to_the_first=True).breaches}
        if any(breach in what for what in found):
            return
    pytest.fail(f"found {sorted(found)}")
