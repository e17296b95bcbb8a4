"""Who holds what: what a standing instruction bought is neither sold nor counted with what everybody else trades."""

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import Connection, insert

from core.orders import Fill, OrderState, OrderType, Side, TimeInForce
from memory.books import ledger, owners, performance, tables
from memory.books.database import Books
from memory.books.words import InstructionState, SlotState
from risk.sizing import TrackRecord
from tests.memory.desks import BTC, bought, sold

GRID = "instruction:11111111"


@pytest.fixture
def account(books: Books) -> Books:
    books.write(lambda conn: ledger.open_account(conn, "paper", "USDT", {"USDT": Decimal(10_000)}, 0, 0))
    return books


def traded(conn: Connection, owner: str, fill: Fill) -> None:
    """A fill of an order of this owner, in the order in which it is called."""
    name = f"order-{fill.trade_id}"
    fill = replace(fill, client_order_id=name, ts_event_ns=int(fill.trade_id[1:]))
    order = {"client_order_id": name, "proposal_id": None, "attempt": 1, "account_id": "paper", "venue": "paper"}
    order |= {"owner": owner, "symbol": fill.symbol, "side": fill.side, "type": OrderType.MARKET}
    order |= {"quantity": fill.quantity, "time_in_force": TimeInForce.IOC, "state": OrderState.FILLED}
    known = {column.name for column in tables.orders.columns}
    blank = {c.name: "" for c in tables.orders.columns if not c.nullable and c.default is None and not c.server_default}
    numbers = {name: 0 for name in blank if name.endswith("_ns") or name in ("epoch",)}
    conn.execute(insert(tables.orders).values(**{**blank, **numbers, **{k: v for k, v in order.items() if k in known}}))
    ledger.apply_fill(conn, fill, BTC)


def instructed(conn: Connection) -> None:
    row = {"instruction_id": "1" * 36, "account_id": "paper", "kind": "grid", "body": {}, "memo": None, "term": 1}
    row |= {"state": InstructionState.ACTIVE, "reason": "", "confirmed_by": "ada", "confirmed": 1}
    conn.execute(insert(tables.instructions).values(**row, created_ns=0, updated_ns=0))
    slot = {"proposal_id": "p", "instruction_id": "1" * 36, "slot": "0", "number": 0, "symbol": "BTC/USDT"}
    slot |= {"side": Side.BUY, "body": {}, "state": SlotState.OPEN, "quantity": Decimal(1), "created_ns": 0}
    conn.execute(insert(tables.instruction_slots).values(**slot))


def record(account: Books) -> TrackRecord | None:
    return account.read(lambda conn: performance.track_record(conn, "paper", 0))


def test_each_side_has_trips_of_its_own_also_where_the_account_is_never_flat(account: Books) -> None:
    def work(conn: Connection) -> owners.Apart:
        traded(conn, GRID, bought("0.01", at="50000"))
        traded(conn, "desk", bought("0.02", at="60000"))
        traded(conn, "desk", sold("0.02", at="66000"))
        return owners.apart(conn, "paper", "BTC/USDT")

    sides = account.write(work)
    assert sides.theirs is not None
    assert (sides.theirs.quantity, sides.theirs.average_price, sides.others) == (Decimal("0.01"), Decimal(50000), None)
    assert [ended.trip.pnl for ended in sides.ended] == [Decimal(120)]


def test_whoever_sells_more_than_their_own_sells_of_the_other_side(account: Books) -> None:
    def work(conn: Connection) -> owners.Apart:
        traded(conn, GRID, bought("0.01", at="50000"))
        traded(conn, "desk", bought("0.02", at="60000"))
        traded(conn, "person", sold("0.025", at="50000", fee="10"))
        return owners.apart(conn, "paper", "BTC/USDT")

    sides = account.write(work)
    assert sides.theirs is not None
    assert (sides.theirs.quantity, sides.others) == (Decimal("0.005"), None)
    assert [ended.trip.pnl for ended in sides.ended] == [Decimal(-208)], "with its share of the fee, and no more"


def test_a_fee_that_was_paid_in_coins_is_held_by_nobody(account: Books) -> None:
    def work(conn: Connection) -> owners.Apart:
        traded(conn, "desk", bought("0.02", at="60000", fee="0.001", paid_in="BTC"))
        return owners.apart(conn, "paper", "BTC/USDT")

    others = account.write(work).others
    assert others is not None
    assert others.quantity == Decimal("0.019")
    (position,) = account.read(lambda conn: ledger.positions(conn, "paper"))
    assert position.quantity == others.quantity


def test_what_an_instruction_earned_is_in_nobodys_track_record(account: Books) -> None:
    def work(conn: Connection) -> None:
        instructed(conn)
        for _ in range(3):
            traded(conn, GRID, bought("0.01", at="50000"))
            traded(conn, GRID, sold("0.01", at="40000"))
        traded(conn, "desk", bought("0.01", at="50000"))
        traded(conn, "desk", sold("0.01", at="55000"))

    account.write(work)
    assert record(account) is None, "the desk itself never lost"

    def loses(conn: Connection) -> None:
        traded(conn, GRID, bought("0.01", at="50000"))
        traded(conn, "desk", bought("0.01", at="50000"))
        traded(conn, "desk", sold("0.01", at="45000"))

    account.write(loses)
    assert record(account) == TrackRecord(2, Decimal("0.5"), Decimal(1)), "though the account is not flat"


def test_without_instructions_the_trips_are_those_of_the_account(account: Books) -> None:
    def work(conn: Connection) -> None:
        traded(conn, "desk", bought("0.01", at="50000"))
        traded(conn, "desk", sold("0.01", at="45000"))

    account.write(work)
    assert account.read(lambda conn: owners.traded(conn, "paper")) == frozenset()
    assert record(account) == TrackRecord(1, Decimal(0), Decimal(0))


def test_it_is_known_in_which_stretch_an_instruction_traded(account: Books) -> None:
    def work(conn: Connection) -> int:
        fill = bought("0.01", at="50000")
        traded(conn, GRID, fill)
        return int(fill.trade_id[1:])

    at_ns = account.write(work)

    def between(after_ns: int | None, until_ns: int) -> bool:
        return account.read(lambda conn: owners.traded_between(conn, "paper", "BTC/USDT", after_ns, until_ns))

    assert [between(None, at_ns), between(at_ns - 1, at_ns), between(at_ns, at_ns + 1), between(None, at_ns - 1)] == [
        True,
        True,
        False,
        False,
    ]
