"""What an account is worth and what it earned."""

from decimal import Decimal

import pytest
from sqlalchemy import Connection, insert

from memory.books import ledger, performance, tables
from memory.books.database import Books
from risk.sizing import TrackRecord
from tests.memory.desks import BTC, PERPETUAL, bought, instrument, sold

CASH = Decimal(10_000)
ETH_PERPETUAL = instrument("ETH/USDT", PERPETUAL.kind)
INSTRUMENTS = {"BTC/USDT": BTC, "ETH/USDT": ETH_PERPETUAL}


@pytest.fixture
def account(books: Books) -> Books:
    books.write(lambda conn: ledger.open_account(conn, "paper", "USDT", {"USDT": CASH}, 0, 0))
    return books


def worth(books: Books, **marks: str) -> Decimal | None:
    by_symbol = {f"{coin}/USDT": Decimal(mark) for coin, mark in marks.items()}
    return books.read(lambda conn: ledger.equity(conn, "paper", by_symbol, INSTRUMENTS))


def test_a_holding_without_a_mark_makes_equity_unknown(account: Books) -> None:
    account.write(lambda conn: ledger.apply_fill(conn, bought("0.1", at="50000"), BTC))
    assert worth(account) is None
    assert account.read(lambda conn: ledger.profit(conn, "paper", {})).unrealised is None


def test_a_perpetual_without_a_mark_makes_equity_unknown(account: Books) -> None:
    account.write(lambda conn: ledger.apply_fill(conn, bought("1", at="2000", symbol="ETH/USDT"), ETH_PERPETUAL))
    assert worth(account, BTC="50000") is None


def test_a_currency_that_is_sold_out_needs_no_mark(account: Books) -> None:
    account.write(lambda conn: ledger.apply_fill(conn, bought("0.1", at="50000"), BTC))
    account.write(lambda conn: ledger.apply_fill(conn, sold("0.1", at="50000"), BTC))
    assert worth(account) == CASH


def test_cash_alone_is_worth_itself(account: Books) -> None:
    assert worth(account) == CASH


def test_equity_is_cash_plus_coins_at_their_mark_plus_what_perpetuals_gained(account: Books) -> None:
    def work(conn: Connection) -> None:
        ledger.apply_fill(conn, bought("0.1", at="50000", fee="5"), BTC)
        ledger.apply_fill(conn, sold("2", at="2000", fee="4", symbol="ETH/USDT"), ETH_PERPETUAL)

    account.write(work)
    assert worth(account, BTC="60000", ETH="1900") == CASH + 1000 - 5 + 200 - 4


def test_start_realised_and_unrealised_add_up_to_equity(account: Books) -> None:
    def work(conn: Connection) -> ledger.Profit:
        ledger.apply_fill(conn, bought("0.1", at="50000", fee="5"), BTC)
        ledger.apply_fill(conn, sold("0.04", at="55000", fee="2"), BTC)
        ledger.apply_fill(conn, sold("2", at="2000", fee="4", symbol="ETH/USDT"), ETH_PERPETUAL)
        ledger.apply_funding(conn, "paper", ETH_PERPETUAL, Decimal(-1), ts_event_ns=3)
        return ledger.profit(conn, "paper", {"BTC/USDT": Decimal(60_000), "ETH/USDT": Decimal(1900)})

    earned = account.write(work)
    assert earned.realised == Decimal(200 - 2 - 2 + 1)
    assert earned.unrealised == Decimal(600 - 3 + 200 - 4)
    assert (earned.fees, earned.funding) == (Decimal(11), Decimal(-1))
    assert worth(account, BTC="60000", ETH="1900") == CASH + earned.realised + earned.unrealised


def close_trips(books: Books, *results: str) -> None:
    def work(conn: Connection) -> None:
        for closed_ns, pnl in enumerate(results, start=1):
            row = {"account_id": "paper", "symbol": "BTC/USDT", "closed_ns": closed_ns, "pnl": Decimal(pnl)}
            row |= {"quantity": Decimal(1), "entry_price": Decimal(1), "exit_price": Decimal(1)}
            conn.execute(insert(tables.round_trips), row)

    books.write(work)


@pytest.mark.parametrize(
    ("results", "streak"),
    [
        ((), 0),
        (("5",), 0),
        (("-5",), 1),
        (("-1", "-2", "3", "-4", "-5"), 2),
        (("-1", "-2", "-10", "-9", "-5"), 5),
        (("-1", "0"), 0),
        (("-1", "0.000000000000000001"), 0),
    ],
)
def test_the_streak_counts_the_latest_losses_in_a_row(account: Books, results: tuple[str, ...], streak: int) -> None:
    close_trips(account, *results)
    assert account.read(lambda conn: ledger.losing_streak(conn, "paper")) == streak


def test_the_streak_leaves_out_what_closed_by_the_given_time(account: Books) -> None:
    close_trips(account, "-1", "-2", "-3")
    assert account.read(lambda conn: ledger.losing_streak(conn, "paper", since_ns=2)) == 1


def record_since(books: Books, since_ns: int = 0) -> TrackRecord | None:
    return books.read(lambda conn: performance.track_record(conn, "paper", since_ns))


def test_a_record_is_the_share_of_wins_and_the_mean_win_over_the_mean_loss(account: Books) -> None:
    close_trips(account, "0.03", "-0.01", "0.01", "-0.02", "0")
    assert record_since(account) == TrackRecord(5, Decimal("0.4"), Decimal("1.333333333"))


def test_a_record_without_a_loss_is_none_yet(account: Books) -> None:
    close_trips(account, "0.03", "0.01")
    assert record_since(account) is None


def test_a_record_without_a_win_has_no_payoff(account: Books) -> None:
    close_trips(account, "-0.03", "-0.01")
    assert record_since(account) == TrackRecord(2, Decimal(0), Decimal(0))


def test_a_record_leaves_out_what_closed_by_the_given_time(account: Books) -> None:
    close_trips(account, "0.03", "-0.01", "-0.02")
    assert record_since(account, since_ns=1) == TrackRecord(2, Decimal(0), Decimal(0))
