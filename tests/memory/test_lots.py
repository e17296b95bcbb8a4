"""Lots: first in, first out, always as many as the balance holds, and nothing is earned that was not."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from core.errors import LedgerBroken
from core.instruments import Instrument
from core.money import ZERO
from core.orders import Fill, Side
from memory.books import accounts, ledger, lots, tables
from memory.books.database import Books
from tests.memory.desks import BTC, PERPETUAL, bought, fill, sold

CASH = Decimal(10_000)


@pytest.fixture
def account(books: Books) -> Books:
    books.write(lambda conn: ledger.open_account(conn, "paper", "USDT", {"USDT": CASH}, 0, 0))
    return books


def book(books: Books, *fills: Fill, as_: Instrument = BTC, fee_price: str | None = None) -> None:
    price = None if fee_price is None else Decimal(fee_price)
    books.write(lambda conn: [ledger.apply_fill(conn, one, as_, price) for one in fills])


def give(books: Books, currency: str, amount: str) -> None:
    price = Decimal(500)
    books.write(
        lambda conn: ledger.deposit(conn, "paper", currency, Decimal(amount), ts_ns=1, reason="gift", price=price)
    )


def open_lots(books: Books, asset: str = "BTC") -> list[tuple[Decimal, Decimal | None]]:
    t = tables.lots.c
    query = select(t.quantity, t.value).where(t.asset == asset).order_by(t.id)
    return books.read(lambda conn: [tuple(row) for row in conn.execute(query)])


def disposals(books: Books, asset: str = "BTC") -> list[tuple[Decimal | None, ...]]:
    t = tables.disposals.c
    query = select(t.quantity, t.cost, t.proceeds, t.gain).where(t.asset == asset).order_by(t.id)
    return books.read(lambda conn: [tuple(row) for row in conn.execute(query)])


def money(*texts: str | None) -> tuple[Decimal | None, ...]:
    return tuple(None if text is None else Decimal(text) for text in texts)


def trip(books: Books) -> tuple[Decimal | None, ...]:
    return tuple(books.read(lambda conn: conn.scalars(select(tables.round_trips.c.pnl)).all()))


# Lots


def test_a_buy_is_a_lot_at_what_it_cost_with_its_fee(account: Books) -> None:
    book(account, bought("0.1", at="50000", fee="5"))
    assert open_lots(account) == [money("0.1", "5005")]


def test_a_fee_in_the_coins_makes_the_lot_smaller_and_no_cheaper(account: Books) -> None:
    book(account, bought("0.1", at="50000", fee="0.001", paid_in="BTC"))
    assert open_lots(account) == [money("0.099", "5000")]


def test_a_sale_uses_up_the_oldest_lot_first(account: Books) -> None:
    book(account, bought("0.1", at="10000", ts_ns=1), bought("0.1", at="30000", ts_ns=2))
    book(account, sold("0.15", at="20000", fee="3", ts_ns=3))
    assert disposals(account) == [money("0.1", "1000", "1998", "998"), money("0.05", "1500", "999", "-501")]
    assert open_lots(account) == [money("0.05", "1500")]


def test_coins_from_outside_have_a_cost_that_nobody_knows(account: Books) -> None:
    give(account, "BTC", "0.1")
    book(account, sold("0.05", at="20000"))
    assert (open_lots(account), disposals(account)) == ([money("0.05", None)], [money("0.05", None, "1000", None)])


def test_coins_that_are_taken_out_leave_the_oldest_lots_and_are_not_sold(account: Books) -> None:
    book(account, bought("0.1", at="10000", ts_ns=1), bought("0.1", at="30000", ts_ns=2))

    def take(conn: Connection) -> None:
        ledger.withdraw(conn, "paper", "BTC", Decimal("0.15"), ts_ns=3, reason="vault", price=Decimal(1))

    account.write(take)
    assert (open_lots(account), disposals(account)) == ([money("0.05", "1500")], [])


def test_the_numeraire_has_no_lots(account: Books) -> None:
    book(account, bought("0.1", at="10000"))
    assert open_lots(account, "USDT") == []


def test_more_than_the_lots_hold_breaks_the_ledger(account: Books) -> None:
    book(account, bought("0.1", at="10000"))
    movement = lots.Movement("paper", "BTC", Side.SELL, Decimal("0.2"), None, 1)
    with pytest.raises(LedgerBroken, match=r"0\.2 BTC left account paper, whose lots hold 0\.1"):
        account.write(lambda conn: lots.taken(conn, movement))


def test_a_short_is_a_lot_at_what_it_brought_and_buying_back_disposes_of_it(account: Books) -> None:
    book(account, sold("0.2", at="10000", fee="2"), as_=PERPETUAL)
    assert open_lots(account, "BTC/USDT") == [money("0.2", "1998")]
    book(account, bought("0.3", at="9000", fee="3"), as_=PERPETUAL)
    assert disposals(account, "BTC/USDT") == [money("0.2", "1802", "1998", "196")]
    assert open_lots(account, "BTC/USDT") == [money("0.1", "901")]


# Fees in a third currency


def test_a_fee_in_a_third_currency_leaves_its_balance_and_counts_at_its_price(account: Books) -> None:
    give(account, "BNB", "1")
    book(account, bought("0.1", at="50000", fee="0.01", paid_in="BNB"), fee_price="500")
    assert account.read(lambda conn: ledger.balances(conn, "paper")) == {
        "BNB": Decimal("0.99"),
        "BTC": Decimal("0.1"),
        "USDT": Decimal(5000),
    }
    assert open_lots(account) == [money("0.1", "5005")]
    book(account, sold("0.1", at="50000", fee="0.01", paid_in="BNB"), fee_price="600")
    assert trip(account) == money("-11")
    assert account.read(lambda conn: ledger.profit(conn, "paper", {})).fees == 11


def test_a_fee_that_has_no_price_is_booked_and_what_its_trip_earned_is_not_known(account: Books) -> None:
    give(account, "BNB", "1")
    book(account, bought("0.1", at="50000", fee="0.01", paid_in="BNB"))
    book(account, sold("0.1", at="60000"))
    assert (trip(account), open_lots(account, "BNB")) == ((None,), [money("0.99", None)])
    assert disposals(account) == [money("0.1", None, "6000", None)]
    earned = account.read(lambda conn: ledger.profit(conn, "paper", {}))
    assert (earned.realised, earned.fees) == (None, None)
    assert account.read(lambda conn: ledger.losing_streak(conn, "paper")) == 1


def test_an_open_position_with_a_fee_that_has_no_price_has_no_known_gain(account: Books) -> None:
    give(account, "BNB", "1")
    book(account, bought("0.1", at="50000", fee="0.01", paid_in="BNB"))
    earned = account.read(lambda conn: ledger.profit(conn, "paper", {"BTC/USDT": Decimal(60_000)}))
    assert (earned.realised, earned.unrealised) == (None, None)


def test_a_fee_in_coins_that_are_held_as_a_position_makes_it_smaller(account: Books) -> None:
    bnb = Instrument("BNB/USDT", "BNB", "USDT", *(Decimal("0.001"),) * 3, min_notional=Decimal(5))
    book(account, bought("1", at="500", symbol="BNB/USDT"), as_=bnb)
    book(account, bought("0.1", at="50000", fee="0.25", paid_in="BNB"), fee_price="600")
    (held,) = [p for p in account.read(lambda conn: ledger.positions(conn, "paper")) if p.symbol == "BNB/USDT"]
    assert held.quantity == Decimal("0.75")
    # The coins went at 600, and had cost 500.
    assert disposals(account, "BNB") == [money("0.25", "125", "150", "25")]


def test_a_rebate_in_a_third_currency_is_a_lot_at_its_price(account: Books) -> None:
    book(account, bought("0.1", at="50000", fee="-0.01", paid_in="BNB"), fee_price="500")
    assert (open_lots(account, "BNB"), open_lots(account)) == ([money("0.01", "5")], [money("0.1", "4995")])


def test_a_perpetual_may_pay_its_fee_in_a_third_currency(account: Books) -> None:
    give(account, "BNB", "1")
    book(account, sold("0.1", at="50000", fee="0.01", paid_in="BNB"), as_=PERPETUAL, fee_price="500")
    book(account, bought("0.1", at="49000"), as_=PERPETUAL)
    assert trip(account) == money("95")
    assert account.read(lambda conn: accounts.balances(conn, "paper")) == {"BNB": Decimal("0.99"), "USDT": CASH + 100}


def test_a_fee_in_coins_from_outside_is_sold_at_its_price_and_leaves_no_lot(account: Books) -> None:
    account.write(lambda conn: accounts.set_outside(conn, "paper", {"BNB": Decimal(1)}))
    book(account, bought("0.1", at="50000", fee="0.01", paid_in="BNB"), fee_price="500")
    assert (open_lots(account, "BNB"), disposals(account, "BNB")) == ([], [money("0.01", None, "5", None)])


# Properties

sizes = st.decimals(min_value=Decimal("0.00000001"), max_value=Decimal("0.5"), places=8)
prices = st.decimals(min_value=Decimal("0.01"), max_value=Decimal("99999.99"), places=2)
fees = st.sampled_from(["USDT", "BTC", "BNB", "nobody knows"])
Wish = tuple[Side, Decimal, Decimal, str]
wishes = st.lists(st.tuples(st.sampled_from(Side), sizes, prices, fees), max_size=14)
RATE, BNB_PRICE = Decimal("0.001"), Decimal("612.34")


def paid(conn: Connection, wish: Wish, instrument: Instrument) -> tuple[Fill, Decimal | None] | None:
    """The wish as a fill that the account can afford, with the price of its fee; None where it cannot."""
    side, size, price, currency = wish
    held, spot = ledger.balances(conn, "paper"), instrument is BTC
    if spot and side is Side.SELL:
        size = min(size, held.get("BTC", ZERO) / (1 + RATE) if currency == "BTC" else held.get("BTC", ZERO))
        size = size.quantize(Decimal("1e-8"), rounding="ROUND_DOWN")
    elif spot and size * price * (1 + RATE) > held["USDT"]:
        return None
    if not size:
        return None
    worth = size * price * RATE
    if currency == "BTC" and spot:
        return fill(side, size, price, fee=size * RATE, paid_in="BTC"), None
    if currency in ("BNB", "nobody knows"):
        fee = (worth / BNB_PRICE).quantize(Decimal("1e-8"))
        if fee > held["BNB"]:
            return None
        return fill(side, size, price, fee=fee, paid_in="BNB"), BNB_PRICE if currency == "BNB" else None
    return fill(side, size, price, fee=worth), None


def opened(conn: Connection) -> None:
    ledger.open_account(conn, "paper", "USDT", {"USDT": CASH, "BNB": Decimal(100)}, 0, 0, {"BNB": BNB_PRICE})


def play(conn: Connection, wanted: Sequence[Wish], instrument: Instrument) -> list[tuple[Fill, Decimal | None]]:
    opened(conn)
    done = []
    for wish in wanted:
        found = paid(conn, wish, instrument)
        if found is not None:
            ledger.apply_fill(conn, found[0], instrument, found[1])
            done.append(found)
    return done


def flatten(conn: Connection, instrument: Instrument) -> list[tuple[Fill, Decimal | None]]:
    """Whatever is open is closed at a price of its own, with a fee in cash."""
    found: list[tuple[Fill, Decimal | None]] = []
    for p in ledger.positions(conn, "paper"):
        last = fill(p.side.opposite, p.quantity, "777.77", fee="0.01")
        ledger.apply_fill(conn, last, instrument)
        found.append((last, None))
    return found


@given(wanted=wishes)
@settings(deadline=None, max_examples=40)
def test_lots_are_always_as_many_as_the_balance_holds(wanted: list[Wish]) -> None:
    with TemporaryDirectory() as folder, Books.open(f"sqlite:///{Path(folder)}/desk.db") as books:

        def work(conn: Connection) -> None:
            opened(conn)
            for wish in wanted:
                found = paid(conn, wish, BTC)
                if found is None:
                    continue
                ledger.apply_fill(conn, found[0], BTC, found[1])
                for currency, total in ledger.balances(conn, "paper").items():
                    if currency != "USDT":
                        assert lots.held(conn, "paper", currency) == total

        books.write(work)


@given(wanted=wishes, perpetual=st.booleans())
@settings(deadline=None, max_examples=60)
def test_a_flat_account_earned_exactly_what_its_fills_say_by_both_books(wanted: list[Wish], perpetual: bool) -> None:
    instrument = PERPETUAL if perpetual else BTC
    with TemporaryDirectory() as folder, Books.open(f"sqlite:///{Path(folder)}/desk.db") as books:

        def work(conn: Connection) -> None:
            done = play(conn, wanted, instrument)
            done += flatten(conn, instrument)
            moved = sum((-f.side.sign * f.quantity * f.price for f, _ in done), ZERO)
            cash_fees = sum((f.fee for f, _ in done if f.fee_currency == "USDT"), ZERO)
            bnb_fees = sum((f.fee for f, _ in done if f.fee_currency == "BNB"), ZERO)
            held = ledger.balances(conn, "paper")
            assert held["USDT"] == CASH + moved - cash_fees
            assert held["BNB"] == 100 - bnb_fees
            assert not ledger.positions(conn, "paper")
            assert held.get("BTC", ZERO) == 0 == lots.held(conn, "paper", "BTC")
            earned = ledger.profit(conn, "paper", {})
            unvalued = any(f.fee_currency == "BNB" and f.fee and price is None for f, price in done)
            gains = conn.scalars(select(tables.disposals.c.gain).where(tables.disposals.c.asset != "BNB")).all()
            if unvalued:
                assert earned.realised is None
            else:
                priced = sum((f.fee * BNB_PRICE for f, _ in done if f.fee_currency == "BNB"), ZERO)
                assert earned.realised == moved - cash_fees - priced == sum(gains, ZERO)

        books.write(work)


@given(wanted=wishes, mark=prices)
@settings(deadline=None, max_examples=40)
def test_what_was_earned_and_what_is_open_add_up_to_the_equity_to_the_last_digit(
    wanted: list[Wish], mark: Decimal
) -> None:
    known = [wish for wish in wanted if wish[3] not in ("nobody knows", "BTC")]
    with TemporaryDirectory() as folder, Books.open(f"sqlite:///{Path(folder)}/desk.db") as books:

        def work(conn: Connection) -> None:
            play(conn, known, PERPETUAL)
            marks = {"BTC/USDT": mark, "BNB/USDT": BNB_PRICE}
            bnb = Instrument("BNB/USDT", "BNB", "USDT", *(Decimal("0.001"),) * 3, min_notional=Decimal(5))
            worth = ledger.equity(conn, "paper", marks, {"BTC/USDT": PERPETUAL, "BNB/USDT": bnb})
            earned = ledger.profit(conn, "paper", marks)
            assert earned.realised is not None
            assert earned.unrealised is not None
            assert worth == CASH + 100 * BNB_PRICE + earned.realised + earned.unrealised

        books.write(work)
