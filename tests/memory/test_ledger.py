"""Each fill is booked once, at average cost, and no balance is invented or lost."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from core.errors import LedgerBroken
from core.instruments import ContractKind, Instrument
from core.money import Price, Quantity
from core.orders import Fill, Position, Side
from memory.books import accounts, ledger, tables
from memory.books.database import Books
from tests.memory.desks import BTC, PERPETUAL, bought, fill, instrument, sold

CASH = Decimal(10_000)
# The share of a part is cut to 30 decimals, so that sums are exact; parts of parts may differ in the last of them.
ROUNDING = Decimal("1e-25")


@pytest.fixture
def account(books: Books) -> Books:
    books.write(lambda conn: ledger.open_account(conn, "paper", "USDT", {"USDT": CASH}, 0, 0))
    return books


def book(books: Books, *fills: Fill, as_: Instrument = BTC) -> list[bool]:
    return books.write(lambda conn: [ledger.apply_fill(conn, one, as_) for one in fills])


def balances(books: Books) -> dict[str, Decimal]:
    return books.read(lambda conn: ledger.balances(conn, "paper"))


def position(books: Books) -> Position | None:
    return next(iter(books.read(lambda conn: ledger.positions(conn, "paper"))), None)


def trips(conn: Connection) -> list[tuple[Decimal, ...]]:
    t = tables.round_trips.c
    return [tuple(r) for r in conn.execute(select(t.quantity, t.entry_price, t.exit_price, t.pnl).order_by(t.id))]


def money(*texts: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(text) for text in texts)


# Spot


def test_a_buy_moves_cash_into_coins_and_pays_its_fee(account: Books) -> None:
    assert book(account, bought("0.1", at="50000", fee="5")) == [True]
    assert balances(account) == {"BTC": Decimal("0.1"), "USDT": Decimal(4995)}
    held = Position("paper", "BTC/USDT", Side.BUY, Quantity(Decimal("0.1")), Price(Decimal(50_000)))
    assert position(account) == held


def test_the_same_trade_told_twice_is_booked_once(account: Books) -> None:
    trade = bought("0.1", at="50000", fee="5")
    assert book(account, trade, trade) == [True, False]
    assert balances(account)["USDT"] == Decimal(4995)


def test_a_trade_told_with_other_content_is_refused(account: Books) -> None:
    book(account, bought("0.1", at="50000", trade_id="t"))
    with pytest.raises(LedgerBroken, match=r"t of paper was booked with quantity 0\.1, and is now told with 0\.2"):
        book(account, bought("0.2", at="50000", trade_id="t"))


def test_buying_more_averages_the_cost(account: Books) -> None:
    book(account, bought("0.1", at="40000"), bought("0.1", at="50000"))
    held = position(account)
    assert held is not None
    assert (held.quantity, held.average_price) == money("0.2", "45000")


def test_a_round_trip_is_one_row_net_of_all_fees(account: Books) -> None:
    book(account, bought("0.1", at="40000", fee="4"), bought("0.1", at="50000", fee="5"))
    book(account, sold("0.05", at="60000", fee="3"))
    assert account.read(trips) == []
    book(account, sold("0.15", at="40000", fee="6"))
    # 0.05 x 15000 - 0.15 x 5000 - 18
    assert account.read(trips) == [money("0.2", "45000", "45000", "-18")]
    assert position(account) is None
    assert balances(account) == {"BTC": Decimal(0), "USDT": CASH - 18}


def test_a_new_trip_does_not_carry_the_last_one(account: Books) -> None:
    book(account, bought("0.1", at="50000", fee="5"), sold("0.1", at="50000", fee="5"))
    book(account, bought("0.1", at="50000"), sold("0.1", at="51000"))
    assert [pnl for *_, pnl in account.read(trips)] == [Decimal(-10), Decimal(100)]


def test_a_fee_in_coins_makes_the_position_smaller_and_counts_at_the_fills_price(account: Books) -> None:
    book(account, bought("0.1", at="50000", fee="0.0001", paid_in="BTC"))
    held = position(account)
    assert held is not None
    assert (held.quantity, held.average_price) == money("0.0999", "50000")
    assert balances(account) == {"BTC": Decimal("0.0999"), "USDT": Decimal(5000)}
    book(account, sold("0.0999", at="50000"))
    assert [pnl for *_, pnl in account.read(trips)] == [Decimal(-5)]
    assert balances(account) == {"BTC": Decimal(0), "USDT": CASH - 5}


def test_a_fee_in_coins_on_a_sale_sells_that_much_more(account: Books) -> None:
    book(account, bought("0.1", at="50000"), sold("0.0999", at="50000", fee="0.0001", paid_in="BTC"))
    assert position(account) is None
    assert [pnl for *_, pnl in account.read(trips)] == [Decimal(-5)]
    assert balances(account) == {"BTC": Decimal(0), "USDT": CASH - 5}


def test_selling_more_than_the_position_closes_it_and_takes_coins_from_outside(books: Books) -> None:
    deposits, prices = {"USDT": CASH, "BTC": Decimal(1)}, {"BTC": Decimal(50_000)}
    books.write(lambda conn: ledger.open_account(conn, "paper", "USDT", deposits, 0, 0, prices))
    book(books, bought("0.1", at="50000"), sold("0.3", at="60000", fee="9"))
    assert position(books) is None
    # The 0.2 from outside have no cost here, so their share of the fee is no part of the trip.
    assert books.read(trips) == [money("0.1", "50000", "60000", "997")]
    assert balances(books) == {"BTC": Decimal("0.8"), "USDT": CASH - 5000 + 18_000 - 9}


def test_selling_coins_that_are_not_there_breaks_the_ledger_and_books_nothing(account: Books) -> None:
    book(account, bought("0.1", at="50000"))
    before = balances(account)
    with pytest.raises(LedgerBroken, match=r"takes 0\.11 BTC from account paper, which holds 0\.1$"):
        book(account, sold("0.11", at="50000", trade_id="over"))
    assert balances(account) == before
    assert position(account) is not None
    assert account.read(lambda conn: len(conn.execute(select(tables.fills)).all())) == 1


def test_spending_cash_that_is_not_there_breaks_the_ledger(account: Books) -> None:
    # The fee is what does not fit any more.
    with pytest.raises(LedgerBroken, match=r"takes 10000\.01 USDT from account paper, which holds 10000$"):
        book(account, bought("0.2", at="50000", fee="0.01"))


@pytest.mark.parametrize(
    ("trade", "as_", "said"),
    [
        (bought("0.1", at="100"), instrument("ETH/USDT"), "in BTC/USDT was booked as ETH/USDT"),
        (bought("1", at="1", symbol="ETH/BTC"), instrument("ETH/BTC"), "account paper trades against USDT only"),
        (bought("0", at="100"), BTC, "is no trade: 0 at 100"),
        (bought("1", at="0"), BTC, "is no trade: 1 at 0"),
        (bought("1", at="100", fee="1", paid_in="BTC"), BTC, "is no trade: 1 at 100, fee 1"),
    ],
)
def test_a_fill_that_cannot_be_counted_is_refused(account: Books, trade: Fill, as_: Instrument, said: str) -> None:
    with pytest.raises(LedgerBroken, match=said):
        book(account, trade, as_=as_)
    assert balances(account) == {"USDT": CASH}


# From outside


def outside(books: Books) -> dict[str, Decimal]:
    return books.read(lambda conn: accounts.outside(conn, "paper"))


def test_coins_sold_that_were_outside_come_in_first_and_are_no_profit(account: Books) -> None:
    account.write(lambda conn: accounts.set_outside(conn, "paper", {"BTC": Decimal(1)}))
    book(account, bought("0.1", at="50000"), sold("0.3", at="60000", fee="9"))
    assert (balances(account), outside(account)) == (
        {"BTC": Decimal(0), "USDT": CASH - 5000 + 18_000 - 9},
        {"BTC": Decimal("0.8")},
    )
    # The 0.2 from outside brought 12000, less their share of the fee.
    assert account.read(lambda conn: ledger.transferred(conn, "paper")) == 12_000
    assert account.read(trips) == [money("0.1", "50000", "60000", "997")]


@pytest.mark.parametrize("there", ["1", "0.001", "0"])
@pytest.mark.parametrize("as_", [BTC, PERPETUAL], ids=["spot", "perpetual"])
def test_a_fee_in_coins_that_the_account_has_not_is_booked_with_its_fill(
    account: Books, as_: Instrument, there: str
) -> None:
    """The venue took it from somewhere: what is outside may come to less than nothing until more is told."""
    account.write(lambda conn: accounts.set_outside(conn, "paper", {"BNB": Decimal(there)}))
    trade = bought("0.1", at="50000", fee="0.01", paid_in="BNB")
    account.write(lambda conn: ledger.apply_fill(conn, trade, as_, Decimal(600)))
    held = position(account)
    assert held is not None
    assert (held.quantity, balances(account)["BNB"]) == money("0.1", "0")
    assert outside(account) == {"BNB": Decimal(there) - Decimal("0.01")}
    assert account.read(lambda conn: ledger.transferred(conn, "paper")) == 6


# Perpetuals


def test_a_perpetual_moves_only_fees_until_it_closes(account: Books) -> None:
    book(account, sold("0.1", at="50000", fee="2"), as_=PERPETUAL)
    held = position(account)
    assert held is not None
    assert (held.side, held.kind, held.margin) == (Side.SELL, ContractKind.PERPETUAL, Decimal(0))
    assert balances(account) == {"USDT": CASH - 2}
    book(account, bought("0.1", at="45000", fee="2"), as_=PERPETUAL)
    assert balances(account) == {"USDT": CASH + 496}
    assert account.read(trips) == [money("0.1", "50000", "45000", "496")]


def test_a_perpetual_flips_in_one_fill(account: Books) -> None:
    book(account, bought("0.1", at="50000", ts_ns=1), sold("0.3", at="51000", fee="3", ts_ns=2), as_=PERPETUAL)
    held = position(account)
    assert held is not None
    assert (held.side, held.quantity, held.average_price) == (Side.SELL, *money("0.2", "51000"))
    assert account.read(trips) == [money("0.1", "50000", "51000", "99")]
    book(account, bought("0.2", at="51000"), as_=PERPETUAL)
    # The rest of the fee was the new trip's.
    assert [pnl for *_, pnl in account.read(trips)] == [Decimal(99), Decimal(-2)]


def test_funding_is_booked_once_and_counts_in_the_trip(account: Books) -> None:
    book(account, bought("0.1", at="50000"), as_=PERPETUAL)

    def pay(conn: Connection) -> bool:
        return ledger.apply_funding(conn, "paper", PERPETUAL, Decimal(3), ts_event_ns=8)

    assert [account.write(pay), account.write(pay)] == [True, False]
    held = position(account)
    assert held is not None
    assert (held.funding, balances(account)["USDT"]) == (Decimal(3), CASH - 3)
    book(account, sold("0.1", at="50000"), as_=PERPETUAL)
    assert [pnl for *_, pnl in account.read(trips)] == [Decimal(-3)]


def test_funding_that_is_told_after_its_trip_has_closed_belongs_to_that_trip(account: Books) -> None:
    book(account, bought("0.1", at="50000", ts_ns=1), sold("0.1", at="50000", ts_ns=9), as_=PERPETUAL)
    book(account, sold("0.1", at="50000", ts_ns=12), as_=PERPETUAL)
    account.write(lambda conn: ledger.apply_funding(conn, "paper", PERPETUAL, Decimal(3), ts_event_ns=8))
    assert [pnl for *_, pnl in account.read(trips)] == [Decimal(-3)]
    held = position(account)
    assert held is not None
    assert (held.funding, balances(account)["USDT"]) == (Decimal(0), CASH - 3)


def test_closing_a_part_takes_its_share_of_the_margin_and_a_flip_has_none_yet(account: Books) -> None:
    book(account, bought("0.4", at="50000"), as_=PERPETUAL)
    account.write(lambda conn: ledger.post_margin(conn, "paper", "BTC/USDT", Decimal(200)))
    book(account, sold("0.1", at="50000"), as_=PERPETUAL)
    held = position(account)
    assert held is not None
    assert held.margin == 150
    book(account, sold("0.5", at="50000"), as_=PERPETUAL)
    held = position(account)
    assert held is not None
    assert (held.side, held.margin) == (Side.SELL, Decimal(0))


def test_funding_without_a_position_breaks_the_ledger(account: Books) -> None:
    with pytest.raises(LedgerBroken, match="funding of 3 came for BTC/USDT, of which paper holds nothing"):
        account.write(lambda conn: ledger.apply_funding(conn, "paper", PERPETUAL, Decimal(3), ts_event_ns=8))
    assert balances(account) == {"USDT": CASH}


# Properties

sizes = st.decimals(min_value=Decimal("0.00000001"), max_value=Decimal("0.5"), places=8)
prices = st.decimals(min_value=Decimal("0.01"), max_value=Decimal("99999.99"), places=2)
Wish = tuple[Side, Decimal, Decimal, bool]
wishes = st.lists(st.tuples(st.sampled_from(Side), sizes, prices, st.booleans()), max_size=12)
FEE = Decimal("0.001")


def legal(conn: Connection, side: Side, size: Decimal, price: Decimal, in_base: bool) -> Fill | None:
    """The wish as a fill that the account can afford, or None. Who wants to sell more than there is sells all."""
    held = ledger.balances(conn, "paper")
    if side is Side.BUY:
        if size * price * (1 + FEE) > held["USDT"]:
            return None
    else:
        coins = held.get("BTC", Decimal(0))
        size, in_base = min(size, coins), in_base and size * (1 + FEE) <= coins
        if not size:
            return None
    fee, currency = (size * FEE, "BTC") if in_base else (size * price * FEE, "USDT")
    return fill(side, size, price, fee=fee, paid_in=currency)


def state(conn: Connection) -> tuple[object, ...]:
    return ledger.balances(conn, "paper"), ledger.positions(conn, "paper"), trips(conn)


def play(conn: Connection, wanted: Sequence[Wish]) -> list[Fill]:
    ledger.open_account(conn, "paper", "USDT", {"USDT": CASH}, 0, 0)
    done = []
    for wish in wanted:
        trade = legal(conn, *wish)
        if trade is not None:
            assert ledger.apply_fill(conn, trade, BTC)
            done.append(trade)
    return done


@given(wanted=wishes)
@settings(deadline=None, max_examples=40)
def test_no_legal_trading_makes_a_balance_negative_or_loses_a_cent(
    wanted: list[Wish],
) -> None:
    with TemporaryDirectory() as folder, Books.open(f"sqlite:///{Path(folder)}/desk.db") as books:

        def work(conn: Connection) -> None:
            done = play(conn, wanted)
            held, open_ = ledger.balances(conn, "paper"), ledger.positions(conn, "paper")
            assert all(total >= 0 for total in held.values())
            assert held.get("BTC", Decimal(0)) == sum(p.quantity for p in open_)
            earned = ledger.profit(conn, "paper", {})
            entry_fees = sum(conn.scalars(select(tables.positions.c.entry_fees)), Decimal(0))
            at_cost = held["USDT"] + sum(conn.scalars(select(tables.positions.c.cost)), Decimal(0))
            assert earned.realised is not None
            assert at_cost == CASH + earned.realised - entry_fees
            assert earned.fees == sum((f.quantity * f.price * FEE for f in done), Decimal(0))
            before = state(conn)
            assert not any(ledger.apply_fill(conn, trade, BTC) for trade in done)
            assert state(conn) == before

        books.write(work)


@given(wanted=wishes, cut=st.sampled_from([Decimal("0.25"), Decimal("0.5"), Decimal("0.875")]))
@settings(deadline=None, max_examples=25)
def test_a_fill_in_parts_ends_where_the_whole_ends(wanted: list[Wish], cut: Decimal) -> None:
    with TemporaryDirectory() as folder:
        with Books.open(f"sqlite:///{Path(folder)}/whole.db") as whole:
            done = whole.write(lambda conn: play(conn, wanted))
            ends = whole.read(state)
        with Books.open(f"sqlite:///{Path(folder)}/parts.db") as parts:
            parts.write(lambda conn: play(conn, []))
            for trade in done:
                size, fee = trade.quantity * cut, trade.fee * cut
                first = fill(trade.side, size, trade.price, fee=fee, paid_in=trade.fee_currency)
                last = fill(
                    trade.side, trade.quantity - size, trade.price, fee=trade.fee - fee, paid_in=trade.fee_currency
                )
                book(parts, first, last)
            found = parts.read(state)
    assert _close(ends, found), (ends, found)


def _close(one: object, other: object) -> bool:
    """Equal, where quotients of average cost may differ in the last of their 60 digits."""
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return abs(one - other) < ROUNDING
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_close(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_close, one, other))
    if isinstance(one, Position) and isinstance(other, Position):
        return (one.side, one.symbol, one.quantity) == (other.side, other.symbol, other.quantity) and _close(
            one.average_price, other.average_price
        )
    return one == other
