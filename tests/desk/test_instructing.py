"""Standing instructions at work: through the gate, within what a person confirmed, and once a slot whenever it dies."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, update

from agents.instructions import parsed
from core.algorithms import Twap
from core.canonical import JSON
from core.errors import ConfigError
from core.orders import OrderType, Position, Proposal, Side
from core.verdicts import AnswerKind, Receipt
from desk import instructed
from desk.home import Home
from desk.instructing import Instructions
from desk.placing import Placing
from desk.runs import RunCommand
from execution import orderbook
from execution.settings import PaperSettings
from memory.books import instructions as book
from memory.books import journal, ledger, owners, tables
from memory.books.database import Books
from memory.books.owners import Held
from memory.books.words import ApprovalState, InstructionState, RecordKind
from risk.codes import DenialCode
from tests.desk.desks import LIVELY, all_records, body_of, books_of, fresh_home, run, series
from tests.execution.desk import ACCOUNT, FREE, RESTING, Desk, copied_books

DCA = {"kind": "dca", "symbol": "BTC/USDT", "quote": "100", "every": "1h"}
GRID = {"kind": "grid", "symbol": "BTC/USDT", "lower": "90", "upper": "110", "cells": 20, "stop": "80", "quote": "100"}
SMART = {"kind": "smart", "symbol": "BTC/USDT", "quote": "500", "stop": "90"}


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("instructions") / "empty.db"
    with Books.open(f"sqlite:///{path}"):
        pass
    return path


@pytest.fixture
def books(template: Path, tmp_path: Path) -> Iterator[Books]:
    with copied_books(template, tmp_path) as opened:
        yield opened


@dataclass
class Standing:
    """A gateway with the instructions of its account. `restarted` is the same under a new process."""

    desk: Desk
    instructions: Instructions = field(init=False)

    def __post_init__(self) -> None:
        desk = self.desk
        wiring = (desk.account_id, desk.books, desk.market, desk.gate, desk.clock, desk.policy)
        self.instructions = Instructions(*wiring)

    def add(self, what: dict[str, Any], key: str = "k", **budget: Any) -> str:
        one = parsed({"strategy": what, "budget": {"max_orders": 10, "max_spend": "5000", **budget}})
        said = {"key": key, "by": "ada", "reason": "a plan"}
        return self.desk.books.write(lambda conn: self.instructions.add(conn, one, **said))

    async def step(self) -> None:
        await self.instructions.step(await self.desk.step())

    async def hour(self, price: str = "100", low: str | None = None, high: str | None = None) -> None:
        """One hour at a price, with what it touched on the way."""
        open_ = str(self.desk.last())
        low = low or str(min(Decimal(open_), Decimal(price)))
        high = high or str(max(Decimal(open_), Decimal(price)))
        await self.instructions.step(await self.desk.trades(open_, high, low, price))

    def shown(self, instruction: str) -> JSON:
        return self.desk.books.read(lambda conn: instructed.line(conn, ACCOUNT, instruction))

    def orders(self, instruction: str) -> list[tuple[str, str]]:
        return [(order["slot"], order["state"]) for order in self.shown(instruction)["orders"]]

    def journaled(self, kind: str) -> list[JSON]:
        entries = self.desk.books.read(lambda conn: journal.entries(conn, ACCOUNT))
        return [entry.body for entry in entries if entry.kind == kind]


def standing(books: Books, **limits: Any) -> Standing:
    return Standing(Desk.open(books, **limits))


# Each of the four


async def test_an_average_is_bought_once_an_interval_and_ends_by_itself(books: Books) -> None:
    at_work = standing(books)
    one = at_work.add(DCA, max_orders=2)
    await at_work.step()
    assert at_work.orders(one) == [("0", "open")]
    await at_work.hour()
    assert at_work.orders(one) == [("0", "over"), ("1", "open")]
    await at_work.hour()
    await at_work.hour()
    told = at_work.shown(one)
    assert (told["state"], told["reason"]) == ("ended", "all of its 2 orders were placed")
    assert Decimal(199) < Decimal(told["spent"]) <= 200
    assert [entry["to"] for entry in at_work.journaled("instruction")] == ["ending", "ended"]


async def test_what_it_buys_again_and_again_is_guarded_by_one_stop(books: Books) -> None:
    at_work = standing(books, settings=RESTING)
    at_work.add(DCA)
    await at_work.step()
    for _ in range(4):
        await at_work.hour()
    assert len(at_work.desk.rows("stops")) == 1
    assert at_work.desk.armed() == at_work.desk.held() > 3
    assert len([a for a in at_work.desk.live() if a.side is Side.SELL]) == 1


async def test_a_grid_buys_a_level_and_sells_it_one_level_higher(books: Books) -> None:
    at_work = standing(books)
    one = at_work.add(GRID)
    await at_work.step()
    await at_work.hour("99", low="98.9")
    assert ("9.0", "over") in at_work.orders(one)
    assert at_work.desk.held() > 0
    await at_work.hour("100.5")
    await at_work.hour("100.5")
    assert at_work.desk.held() == 0
    assert sum(Decimal(trip.pnl) for trip in at_work.desk.rows("round_trips")) > 0


async def test_a_smart_trade_takes_profit_with_its_ladder_and_follows_with_its_stop(books: Books) -> None:
    at_work = standing(books)
    targets = [{"price": "110", "fraction": "0.5"}]
    one = at_work.add({**SMART, "targets": targets, "trail": "0.05"})
    await at_work.step()
    await at_work.hour()
    entered = at_work.desk.held()
    await at_work.hour("112")
    await at_work.hour("112")
    assert Decimal("0.4") < at_work.desk.held() / entered < Decimal("0.6")
    await at_work.hour("104")
    await at_work.hour("104")
    await at_work.hour("104")
    assert at_work.desk.held() == 0
    assert at_work.shown(one)["reason"] == "what it had entered is closed"


async def test_weights_are_kept_within_their_band(books: Books) -> None:
    at_work = standing(books)
    one = at_work.add({"kind": "rebalance", "weights": {"BTC/USDT": "0.1"}, "every": "1h", "band": "0.02"})
    await at_work.step()
    await at_work.hour()
    assert Decimal("9.9") < at_work.desk.held() <= 10
    await at_work.hour("140")
    await at_work.hour("140")
    assert at_work.desk.held() * 140 / Decimal(10_400) < Decimal("0.102")
    assert [slot.split(".")[1] for slot, _ in at_work.orders(one)] == ["buy", "sell"]


async def test_weights_count_what_others_hold_and_sell_none_of_it(books: Books) -> None:
    at_work = standing(books)
    one = at_work.add({"kind": "rebalance", "weights": {"BTC/USDT": "0.1"}, "every": "1h", "band": "0.02"})
    await at_work.desk.bought("15", owner="desk")
    for _ in range(3):
        await at_work.hour()
    assert (at_work.orders(one), at_work.desk.held()) == ([], 15)


# The gate


async def test_a_denied_order_is_kept_with_its_reason_and_many_in_a_row_pause_it(books: Books) -> None:
    at_work = standing(books, max_order_notional="50")
    one = at_work.add({**DCA, "every": "1d"}, max_orders=20)
    await at_work.step()
    assert at_work.shown(one)["orders"][0]["reason"] == DenialCode.ORDER_NOTIONAL
    for _ in range(24 * 4):
        await at_work.hour()
    told = at_work.shown(one)
    assert (told["state"], told["denied"]) == ("paused", 5)
    assert told["reason"] == f"5 orders in a row were denied, the last one by {DenialCode.ORDER_NOTIONAL}"
    assert at_work.desk.venue.placed == []


async def test_it_is_held_to_the_count_that_a_person_confirmed_until_they_look_again(books: Books) -> None:
    at_work = standing(books, max_repeats=2)
    one = at_work.add(DCA)
    await at_work.step()
    for _ in range(3):
        await at_work.hour()
    told = at_work.shown(one)
    assert (told["state"], told["reason"]) == ("paused", f"a person must look again: {DenialCode.REPEATED}")
    assert len(at_work.desk.venue.placed) == 2
    at_work.instructions.resume(one, by="ada", reason="seen")
    await at_work.hour()
    assert at_work.shown(one)["term"] == 2
    assert len(at_work.desk.venue.placed) == 3


async def test_where_the_policy_asks_a_person_every_order_waits_for_one(books: Books) -> None:
    at_work = standing(books, approval="always")
    one = at_work.add(DCA)
    await at_work.step()
    assert at_work.orders(one) == [("0", "open")]
    (waiting,) = at_work.desk.books.read(lambda conn: orderbook.approvals(conn, ACCOUNT, [ApprovalState.WAITING]))
    assert at_work.desk.venue.placed == []
    receipt = await at_work.desk.gate.answer(waiting.proposal_id, approve=True, by="ada", reason="")
    assert receipt.kind is AnswerKind.WORKING
    await at_work.hour()
    assert at_work.orders(one)[0] == ("0", "over")


async def test_a_pause_takes_back_what_waits_and_what_rests(books: Books) -> None:
    at_work = standing(books, approvals={"ETH/USDT": "always"})
    grid, asked = at_work.add(GRID), at_work.add({**DCA, "symbol": "ETH/USDT"}, key="other")
    await at_work.step()
    assert len(at_work.desk.live()) == 1
    for one in (grid, asked):
        await at_work.instructions.pause(one, by="ada", reason="enough")
    assert at_work.desk.live() == []
    assert at_work.desk.books.read(lambda conn: orderbook.approvals(conn, ACCOUNT, [ApprovalState.WAITING])) == []
    await at_work.hour()
    assert {at_work.shown(one)["placed"] for one in (grid, asked)} == {1}


async def test_nobody_may_claim_to_be_an_instruction(books: Books) -> None:
    at_work = standing(books)
    one = at_work.add(DCA)
    for source in (f"instruction:{one}", "instruction:forged"):
        forged = at_work.desk.buy("1", source=source)
        receipt = await at_work.desk.propose(forged)
        assert DenialCode.EVIDENCE in [verdict.code for verdict in receipt.review.denials]


async def test_one_that_is_paused_while_its_order_is_on_its_way_to_the_gate_buys_nothing(books: Books) -> None:
    """The venue of another one may be waited for: a person's word takes effect at once all the same."""
    at_work = standing(books)
    one = at_work.add(DCA)
    propose = at_work.desk.gate.propose

    async def paused_before(proposal: Proposal) -> Receipt:
        await at_work.instructions.pause(one, by="ada", reason="enough")
        return await propose(proposal)

    at_work.desk.gate.propose = paused_before  # type: ignore[method-assign]
    await at_work.step()
    told = at_work.shown(one)
    assert (told["state"], told["reason"]) == ("paused", "enough")
    assert (at_work.desk.venue.placed, at_work.orders(one)) == ([], [("0", "denied")])


async def test_of_a_round_whose_instruction_is_paused_no_further_order_goes_to_the_gate(books: Books) -> None:
    at_work = standing(books)
    weights = {"BTC/USDT": "0.1", "ETH/USDT": "0.1"}
    one = at_work.add({"kind": "rebalance", "weights": weights, "every": "1h", "band": "0.02"})
    propose, asked = at_work.desk.gate.propose, list[Proposal]()

    async def paused_before(proposal: Proposal) -> Receipt:
        asked.append(proposal)
        await at_work.instructions.pause(one, by="ada", reason="enough")
        return await propose(proposal)

    at_work.desk.gate.propose = paused_before  # type: ignore[method-assign]
    await at_work.step()
    await at_work.hour()
    assert len(asked) == 1
    assert [state for _, state in at_work.orders(one)] == ["denied", "over"]


async def test_one_that_ends_by_itself_meanwhile_does_not_keep_the_others_from_being_paused(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work = standing(books)
    added = [at_work.add(DCA), at_work.add({**DCA, "symbol": "ETH/USDT"}, key="other")]
    rest, table = Placing.rest, tables.instructions

    async def ends_the_other(placing: Placing, resting: book.Standing, **how: bool) -> None:
        ended = table.update().where(table.c.instruction_id != resting.instruction_id)
        books.write(lambda conn: conn.execute(ended.values(state=InstructionState.ENDED)))
        await rest(placing, resting, **how)

    monkeypatch.setattr(Placing, "rest", ends_the_other)
    await at_work.instructions.pause_each(None, by="ada", reason="flat")
    assert sorted(at_work.shown(one)["state"] for one in added) == ["ended", "paused"]


@pytest.mark.parametrize("state", list(InstructionState))
async def test_a_buy_needs_an_active_instruction_and_a_sale_one_that_has_not_ended(
    books: Books, state: InstructionState
) -> None:
    at_work = standing(books)
    one = at_work.add({"kind": "rebalance", "weights": {"BTC/USDT": "0.1"}, "every": "1h", "band": "0.02"})
    await at_work.step()
    await at_work.hour()
    await at_work.hour("140")
    slots = books.read(lambda conn: book.slots(conn, one))
    proposals = {slot.side: orderbook.stored_proposal(slot.body) for slot in slots}
    books.write(lambda conn: conn.execute(tables.instructions.update().values(state=state)))
    known = {side: books.read(lambda conn, p=p: book.confirmed(conn, p)) for side, p in proposals.items()}  # type: ignore[misc]
    assert known == {Side.BUY: state is InstructionState.ACTIVE, Side.SELL: state is not InstructionState.ENDED}


async def test_two_rounds_are_never_under_way_at_a_time(books: Books) -> None:
    at_work = standing(books)
    at_work.add(DCA)
    report = await at_work.desk.step()
    await asyncio.gather(*(at_work.instructions.step(report, {"BTC/USDT"}) for _ in range(3)))
    assert len(at_work.desk.venue.placed) == 1


async def test_news_of_another_symbol_step_nothing(books: Books) -> None:
    at_work = standing(books)
    one = at_work.add(DCA)
    report = await at_work.desk.step()
    await at_work.instructions.step(report, {"ETH/USDT"})
    assert at_work.orders(one) == []
    await at_work.instructions.step(report, {"ETH/USDT", "BTC/USDT"})
    assert at_work.orders(one) == [("0", "open")]


async def test_what_an_instruction_holds_is_told_apart_and_never_trimmed_by_anothers_sale(books: Books) -> None:
    at_work = standing(books)
    one = at_work.add({**DCA, "every": "1d"})
    await at_work.step()
    await at_work.hour()
    await at_work.desk.bought("2", owner="desk")
    await at_work.desk.bought("1", owner="person")
    sale = at_work.desk.sell("2.5", owner="desk", reduce_only=True)
    assert (await at_work.desk.propose(sale)).kind is AnswerKind.WORKING
    await at_work.hour()

    def read(conn: Connection) -> tuple[tuple[Held, ...], tuple[Position, ...], tuple[Position, ...]]:
        theirs, positions = owners.held(conn, ACCOUNT), ledger.positions(conn, ACCOUNT)
        return theirs, positions, owners.without(conn, positions, theirs)

    (held,), (whole,), (own,) = books.read(read)
    assert held.owner == f"instruction:{one[:8]}"
    assert (own.quantity, own.quantity + held.quantity) == (Decimal("0.5"), whole.quantity)
    assert Decimal("0.9") < held.quantity < 1


# Whose coins a sale may reach


async def beside(books: Books, **limits: Any) -> tuple[Standing, str, Decimal]:
    """An instruction that holds almost one coin, beside two of a cycle's own whose stop is at 95."""
    at_work = standing(books, **limits)
    one = at_work.add({**DCA, "every": "1d"})
    await at_work.step()
    await at_work.hour()
    await at_work.desk.bought("2", owner="desk", stop="95")
    (held,) = books.read(lambda conn: owners.held(conn, ACCOUNT))
    assert Decimal("0.9") < held.quantity < 1
    return at_work, f"instruction:{one[:8]}", held.quantity


def most(denied: Receipt) -> Decimal | None:
    """What the rules that keep a sale to what is proven would let pass."""
    beyond = {DenialCode.REDUCE_ONLY, DenialCode.UNMANAGED}
    return next(verdict.largest for verdict in denied.review.denials if verdict.code in beyond)


async def test_a_cycle_sells_no_coin_of_an_instruction_when_its_own_stop_has_filled_meanwhile(books: Books) -> None:
    at_work, _, theirs = await beside(books)
    planned = at_work.desk.sell("2", owner="desk", reduce_only=True)
    await at_work.hour("94")
    assert at_work.desk.held() == theirs, "the stop of the cycle's own has filled"
    for sale in (planned, at_work.desk.sell("0.5", owner="desk", reduce_only=True), at_work.desk.sell("0.5")):
        receipt = await at_work.desk.propose(sale)
        assert (receipt.kind, most(receipt)) == (AnswerKind.DENIED, 0)
    await at_work.hour("94")
    assert at_work.desk.held() == theirs == at_work.desk.armed()


@pytest.mark.parametrize("settings", [FREE, RESTING])
async def test_a_cycle_sells_all_of_its_own_beside_an_instruction_whose_stop_stays(
    books: Books, settings: PaperSettings
) -> None:
    at_work, owner, theirs = await beside(books, settings=settings)
    stops = [a.client_order_id for a in at_work.desk.live() if a.owner == owner]
    assert len(stops) == (1 if settings is RESTING else 0)
    beyond = await at_work.desk.propose(at_work.desk.sell("2.1", owner="desk", reduce_only=True))
    # Its own stop rests on all of its own, and makes way for a sale that is no larger.
    assert (beyond.kind, most(beyond)) == (AnswerKind.DENIED, 0 if settings is RESTING else 2)
    receipt = await at_work.desk.propose(at_work.desk.sell("2", owner="desk", reduce_only=True))
    assert (receipt.kind, receipt.review.reducing) == (AnswerKind.WORKING, True)
    assert not set(stops) & set(at_work.desk.venue.cancelled), "it made no room for a sale of others"
    await at_work.hour()
    assert at_work.desk.held() == theirs == at_work.desk.armed()


async def test_two_sales_of_a_cycle_share_what_is_its_own(books: Books) -> None:
    at_work, _, _ = await beside(books)
    assert (await at_work.desk.propose(at_work.desk.sell("1.5", owner="desk", at="101"))).kind is AnswerKind.WORKING
    second = await at_work.desk.propose(at_work.desk.sell("0.6", owner="desk", at="101"))
    assert (second.kind, most(second)) == (AnswerKind.DENIED, Decimal("0.5"))


@pytest.mark.parametrize("halted", [False, True])
async def test_a_person_sells_what_an_instruction_holds_too(books: Books, halted: bool) -> None:
    at_work, _, theirs = await beside(books)
    if halted:
        await at_work.desk.gate.halt(by="ada", reason="enough")
    whole = at_work.desk.held()
    sale = at_work.desk.sell(str(whole), owner="person", source="person:ada:k", reduce_only=True)
    assert whole == theirs + 2
    assert (await at_work.desk.propose(sale)).kind is AnswerKind.WORKING
    await at_work.hour()
    assert at_work.desk.held() == at_work.desk.armed() == 0


async def test_an_instruction_sells_no_coin_of_anybody_else(books: Books) -> None:
    at_work, owner, theirs = await beside(books)
    source = next(
        r.body["source"] for r in at_work.desk.rows("proposals") if r.body["source"].startswith("instruction")
    )
    beyond = at_work.desk.sell(theirs + Decimal("0.001"), owner=owner, source=source, reduce_only=True)
    receipt = await at_work.desk.propose(beyond)
    assert (receipt.kind, most(receipt)) == (AnswerKind.DENIED, theirs)
    own = at_work.desk.sell(theirs, owner=owner, source=source, reduce_only=True)
    assert (await at_work.desk.propose(own)).kind is AnswerKind.WORKING
    await at_work.hour()
    assert at_work.desk.held() == 2 == at_work.desk.armed()


async def test_the_slices_of_a_cycles_sale_reach_no_further_than_the_sale(books: Books) -> None:
    at_work, _, theirs = await beside(books)
    sale = at_work.desk.sell("2", owner="desk", reduce_only=True, execution=Twap(5 * 3600, 5))
    assert (await at_work.desk.propose(sale)).kind is AnswerKind.WORKING
    for _ in range(3):
        await at_work.hour()
    assert theirs < at_work.desk.held() < theirs + 2, "it is being worked"
    await at_work.hour("94")
    for _ in range(4):
        await at_work.hour("94")
    assert at_work.desk.held() == theirs == at_work.desk.armed()


async def test_where_less_is_held_than_is_guarded_no_stop_is_kept_from_selling(books: Books) -> None:
    at_work, _, theirs = await beside(books)
    left = theirs + Decimal("0.5")
    books.write(lambda conn: conn.execute(update(tables.positions).values(quantity=left)))
    assert left < at_work.desk.armed()
    await at_work.hour("94")
    assert at_work.desk.held() == 0


async def test_where_less_is_held_than_is_guarded_an_instruction_still_sells_its_own(books: Books) -> None:
    at_work, owner, _ = await beside(books, settings=RESTING)
    books.write(lambda conn: conn.execute(update(tables.positions).values(quantity=Decimal(2))))
    await at_work.hour()
    await at_work.hour()
    bodies = [row.body for row in at_work.desk.rows("proposals")]
    source = next(body["source"] for body in bodies if body["source"].startswith("instruction"))
    sale = at_work.desk.sell("0.5", owner=owner, source=source, reduce_only=True)
    assert (await at_work.desk.propose(sale)).kind is not AnswerKind.DENIED


async def test_where_no_new_risk_is_allowed_it_waits_and_is_not_denied(books: Books) -> None:
    at_work = standing(books)
    one = at_work.add(DCA)
    await at_work.desk.gate.halt(by="ada", reason="a drill")
    await at_work.step()
    assert at_work.orders(one) == []
    assert at_work.shown(one)["waits"] == "the desk is halted: nothing is placed"


async def test_two_that_want_the_same_coin_at_once_do_so_one_after_the_other(books: Books) -> None:
    at_work = standing(books)
    first, second = at_work.add({**DCA, "every": "1d"}), at_work.add({**DCA, "every": "1d"}, key="other")
    await at_work.step()
    assert sorted(len(at_work.orders(one)) for one in (first, second)) == [0, 1]
    await at_work.hour()
    assert [len(at_work.orders(one)) for one in (first, second)] == [1, 1]
    assert all(at_work.shown(one)["denied"] == 0 for one in (first, second))


# What could never work


@pytest.mark.parametrize(
    ("what", "budget", "found"),
    [
        ({**DCA, "symbol": "SOL/USDT"}, {}, "lists no SOL/USDT"),
        ({**DCA, "quote": "9.99"}, {}, "trades from 10 USDT"),
        ({**GRID, "upper": "90.1", "cells": 10}, {}, "less than its two fees"),
        (DCA, {"until": "2021-05-19T13:00Z"}, "it would end at"),
    ],
)
def test_what_could_never_work_is_refused_when_it_is_added(
    books: Books, what: dict[str, Any], budget: dict[str, Any], found: str
) -> None:
    with pytest.raises(ConfigError, match=found):
        standing(books).add(what, **budget)


def test_the_same_key_again_is_the_same_instruction(books: Books) -> None:
    at_work = standing(books)
    assert at_work.add(DCA) == at_work.add(DCA) != at_work.add(DCA, key="other")
    assert len(at_work.journaled("instructed")) == 2


async def test_what_has_ended_is_not_resumed(books: Books) -> None:
    at_work = standing(books)
    one = at_work.add(DCA)
    await at_work.instructions.end(one, by="ada", reason="enough")
    with pytest.raises(ConfigError, match="is ended: only one that is paused can be so"):
        at_work.instructions.resume(one, by="ada", reason="again")


# Restarts


class Died(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("what", [DCA, GRID], ids=["dca", "grid"])
async def test_killed_at_any_write_it_places_every_slot_once(
    template: Path, tmp_path: Path, what: dict[str, Any]
) -> None:
    whole, tasks = await _lived(template, tmp_path / "whole", what, None)
    assert len(whole) > 2
    for death in range(tasks, 0, -max(1, tasks // 6)):
        found, _ = await _lived(template, tmp_path / f"{death}", what, death)
        assert found == whole, f"it died at write {death} of {tasks}"


async def _lived(
    template: Path, folder: Path, what: dict[str, Any], death: int | None
) -> tuple[list[tuple[str, Decimal]], int]:
    """Four hours with a death before one write, and a new process that goes on: what became of each slot."""
    folder.mkdir()
    with copied_books(template, folder) as books:
        at_work, written = standing(books), 0
        at_work.add(what, max_orders=6)
        write = books.write

        def counted(work: Any) -> Any:
            nonlocal written
            written += 1
            if written == death:
                raise Died
            return write(work)

        books.write = counted  # type: ignore[method-assign]
        for price in (None, "99.5", "98.5", "98", "98"):
            try:
                await (at_work.step() if price is None else at_work.hour(price))
            except Died:
                at_work = Standing(at_work.desk.restarted())
                await at_work.desk.watch.recover()
                await at_work.step()
        rows = books.read(lambda conn: conn.execute(tables.instruction_slots.select()).all())
        accepted = [row for row in at_work.desk.rows("paper_orders") if row.type is OrderType.LIMIT]
        assert len(accepted) == len({row.slot for row in rows})
        return sorted((row.slot, row.filled) for row in rows), written


# Runs


async def test_an_instruction_that_no_longer_reads_does_not_hold_up_a_way_out(books: Books) -> None:
    """Whoever closes a position has the first word: what cannot be read might buy it again, and is paused."""
    at_work = standing(books)
    one = at_work.add(DCA)
    await at_work.step()
    unread = tables.instructions.update().values(body={"strategy": {"kind": "of another day"}, "budget": {}})
    books.write(lambda conn: conn.execute(unread))
    await at_work.instructions.pause_each({"ETH/USDT"}, by="ada", reason="out")
    found = books.read(lambda conn: book.find(conn, one))
    assert found is not None
    assert found.state is InstructionState.PAUSED


async def test_the_same_command_gives_the_same_run_and_places_the_same_orders(candles: dict[str, str]) -> None:
    told: list[JSON] = []
    for _ in range(2):
        with fresh_home() as home:
            result = await run(home, _instructed(candles))
            with books_of(home) as books:
                (line,) = books.read(lambda conn, a=result.account_id: instructed.listing(conn, a, ended=True))  # type: ignore[misc]
            told.append((result.run_id, result.digest, line))
    assert told[0] == told[1]
    assert (told[0][2]["placed"], told[0][2]["filled"]) == (3, 3)


async def test_an_agent_does_not_sell_what_an_instruction_holds(home: Home, candles: dict[str, str]) -> None:
    result = await run(home, _instructed(candles))
    with books_of(home) as books:
        closed = [body_of(books, record) for record in all_records(books, RecordKind.DECISION)]
        (stop,) = books.read(lambda conn: conn.execute(tables.stops.select()).all())
    assert stop.owner.startswith("instruction:")
    assert stop.quantity > 0
    seen = [body["snapshot"]["account"]["positions"] for body in closed]
    assert seen == [[]] * result.cycles


def test_a_command_without_instructions_keeps_its_name(candles: dict[str, str]) -> None:
    assert "instructions" not in series(candles, *LIVELY, every_h=6).arguments()
    assert "instructions" in _instructed(candles).arguments()


def _instructed(candles: dict[str, str]) -> RunCommand:
    """A day of purchases, in a stretch in which the agents themselves buy nothing."""
    one = parsed({"strategy": {**DCA, "every": "6h"}, "budget": {"max_orders": 3, "max_spend": "300"}})
    return replace(series(candles, "2026-02-14", "2026-02-15", every_h=24), instructions=(one,))
