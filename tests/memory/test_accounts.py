"""What came in and went out."""

from decimal import Decimal
from functools import partial

import pytest
from sqlalchemy import Connection, select

from core.errors import ConfigError, LedgerBroken
from memory.books import accounts, ledger, tables
from memory.books.database import Books
from tests.memory.desks import BTC, bought

USDT = {"USDT": Decimal(10_000)}


def opened(books: Books) -> ledger.Account:
    return books.write(lambda conn: ledger.open_account(conn, "paper", "USDT", USDT, 5, 7))


def test_an_account_that_is_not_there_is_refused_by_name(books: Books) -> None:
    assert books.read(lambda conn: ledger.find_account(conn, "paper")) is None
    with pytest.raises(ConfigError, match="there is no account 'paper'"):
        books.read(lambda conn: ledger.account(conn, "paper"))


def test_an_account_starts_with_what_its_deposits_are_worth(books: Books) -> None:
    deposits = {"USDT": Decimal(100), "BTC": Decimal("0.5")}
    prices = {"BTC": Decimal(40_000)}
    account = books.write(lambda conn: ledger.open_account(conn, "paper", "USDT", deposits, 5, 7, prices))
    worth = Decimal(20_100)
    assert account == ledger.Account("paper", "USDT", worth, worth, clock_ns=7, epoch=0, opened_ns=5)
    assert books.read(lambda conn: ledger.balances(conn, "paper")) == {"BTC": Decimal("0.5"), "USDT": Decimal(100)}
    assert books.read(lambda conn: ledger.transferred(conn, "paper")) == 0


def test_an_account_opens_once(books: Books) -> None:
    opened(books)
    with pytest.raises(ConfigError, match="account paper is open already"):
        opened(books)


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "Infinity"])
def test_a_deposit_that_is_not_positive_is_refused(books: Books, amount: str) -> None:
    with pytest.raises(ConfigError, match="a deposit must be positive"):
        books.write(lambda conn: ledger.open_account(conn, "paper", "USDT", {"USDT": Decimal(amount)}, 5, 7))
    assert books.read(ledger.accounts) == ()


def test_a_deposit_of_unknown_worth_is_refused(books: Books) -> None:
    with pytest.raises(ConfigError, match="a deposit in BTC needs its price in USDT"):
        books.write(lambda conn: ledger.open_account(conn, "paper", "USDT", {"BTC": Decimal(1)}, 5, 7))


def test_transfers_move_the_balance_and_are_neither_profit_nor_loss(books: Books) -> None:
    opened(books)

    def work(conn: Connection) -> None:
        ledger.deposit(conn, "paper", "USDT", Decimal(500), ts_ns=8, reason="savings")
        ledger.deposit(conn, "paper", "BTC", Decimal(2), ts_ns=8, reason="old coins", price=Decimal(30_000))
        ledger.withdraw(conn, "paper", "USDT", Decimal(10_500), ts_ns=9, reason="rent")

    books.write(work)
    assert books.read(lambda conn: ledger.balances(conn, "paper")) == {"BTC": Decimal(2), "USDT": Decimal(0)}
    assert books.read(lambda conn: ledger.transferred(conn, "paper")) == Decimal(50_000)
    assert books.read(lambda conn: ledger.account(conn, "paper")).start_equity == Decimal(10_000)


def test_what_is_not_there_cannot_be_withdrawn(books: Books) -> None:
    opened(books)
    with pytest.raises(ConfigError, match=r"cannot withdraw 10000\.01 USDT: account paper holds 10000"):
        books.write(lambda conn: ledger.withdraw(conn, "paper", "USDT", Decimal("10000.01"), ts_ns=9, reason="rent"))


@pytest.mark.parametrize(
    ("amount", "currency", "reason", "said"),
    [
        ("0", "USDT", "rent", "a transfer must be positive, found 0 USDT"),
        ("-5", "USDT", "rent", "a transfer must be positive, found -5 USDT"),
        ("5", "USDT", "opening", "a transfer needs a reason of its own"),
        ("5", "USDT", "", "a transfer needs a reason of its own"),
        ("5", "BTC", "rent", "a transfer in BTC needs its price in USDT"),
    ],
)
def test_a_transfer_that_cannot_be_counted_is_refused(
    books: Books, amount: str, currency: str, reason: str, said: str
) -> None:
    opened(books)
    with pytest.raises(ConfigError, match=said):
        books.write(lambda conn: ledger.deposit(conn, "paper", currency, Decimal(amount), ts_ns=9, reason=reason))


def moved(books: Books, amount: str, currency: str = "BTC", *, name: str = "m", price: str | None = None) -> bool:
    unit = None if price is None else Decimal(price)
    return books.write(
        lambda conn: accounts.transfer(conn, "paper", currency, Decimal(amount), transfer_id=name, ts_ns=9, price=unit)
    )


def all_of(books: Books) -> tuple[dict[str, Decimal], dict[str, Decimal], Decimal]:
    """What is held, what is outside, and the worth of what moved."""
    return books.read(
        lambda conn: (
            ledger.balances(conn, "paper"),
            accounts.outside(conn, "paper"),
            ledger.transferred(conn, "paper"),
        )
    )


def test_a_withdrawal_takes_what_is_outside_before_what_is_held(books: Books) -> None:
    opened(books)
    books.write(lambda conn: accounts.set_outside(conn, "paper", {"BTC": Decimal(1)}))
    assert moved(books, "2", price="100")
    assert [moved(books, "-1", name="out"), moved(books, "-1", name="out")] == [True, False]
    assert all_of(books) == ({"BTC": Decimal(2), **USDT}, {"BTC": Decimal(0)}, Decimal(200))
    assert moved(books, "-1.5", name="more", price="100")
    assert all_of(books) == ({"BTC": Decimal("0.5"), **USDT}, {"BTC": Decimal(0)}, Decimal(50))
    with pytest.raises(LedgerBroken, match=r"takes 0\.6 BTC from paper, which holds 0\.5"):
        moved(books, "-0.6", name="too much", price="100")


def test_a_coin_without_a_price_comes_to_stand_outside_once(books: Books) -> None:
    opened(books)
    assert [moved(books, "7", "SPAM"), moved(books, "7", "SPAM")] == [True, False]
    assert all_of(books) == (USDT, {"SPAM": Decimal(7)}, Decimal(0))
    assert moved(books, "-7", "SPAM", name="away")
    assert all_of(books) == (USDT, {"SPAM": Decimal(0)}, Decimal(0))


def test_what_comes_in_pays_what_is_owed_outside(books: Books) -> None:
    opened(books)
    trade = bought("0.1", at="50000", fee="0.25", paid_in="BNB")
    books.write(lambda conn: ledger.apply_fill(conn, trade, BTC, Decimal(600)))
    assert books.read(lambda conn: accounts.outside(conn, "paper")) == {"BNB": Decimal("-0.25")}
    assert moved(books, "1", "BNB", price="600")
    held, beside, worth = all_of(books)
    assert (held["BNB"], beside, worth) == (Decimal("0.75"), {"BNB": Decimal(0)}, Decimal(600))


def test_a_transfer_of_nothing_is_none(books: Books) -> None:
    opened(books)
    assert not moved(books, "0", "USDT")
    assert all_of(books) == (USDT, {}, Decimal(0))


def test_the_clock_never_goes_back(books: Books) -> None:
    opened(books)
    books.write(lambda conn: ledger.set_clock(conn, "paper", 7))
    books.write(lambda conn: ledger.set_clock(conn, "paper", 20))
    with pytest.raises(LedgerBroken, match="stands at 20 and cannot go back to 19"):
        books.write(lambda conn: ledger.set_clock(conn, "paper", 19))
    assert books.read(lambda conn: ledger.account(conn, "paper")).clock_ns == 20


def test_each_epoch_has_a_new_number(books: Books) -> None:
    opened(books)
    assert [books.write(lambda conn: ledger.bump_epoch(conn, "paper")) for _ in range(2)] == [1, 2]


def test_a_mark_raises_the_peak_and_never_lowers_it(books: Books) -> None:
    opened(books)
    for ts_ns, equity in ((1, "9000"), (2, "12000"), (3, "11000"), (3, "11500")):
        books.write(partial(ledger.mark, account_id="paper", ts_ns=ts_ns, equity=Decimal(equity)))
    assert books.read(lambda conn: ledger.account(conn, "paper")).peak_equity == Decimal(12_000)
    marks = books.read(lambda conn: conn.execute(select(tables.marks.c.ts_ns, tables.marks.c.equity)).all())
    assert [tuple(m) for m in marks] == [(1, Decimal(9000)), (2, Decimal(12_000)), (3, Decimal(11_500))]
