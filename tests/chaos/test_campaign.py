"""The command: what it covers, what its judge finds, what it prints last, and when it fails."""

import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chaos.__main__ import said
from chaos.campaign import LEAST, Tally
from chaos.judge import judged
from chaos.plan import CELLS, Knife, plan
from chaos.venue import KEY
from emulator.faults import Fault
from memory.books.database import Books

ROOT = Path(__file__).resolve().parents[2]
CAP = Decimal("0.02")
NOT_OF_ORDERS = {"crossed"}  # of books alone, like those of candles


def test_every_fault_meets_every_state_in_each_round_of_lives() -> None:
    assert {(life.fault, life.stage) for life in (plan(1, n) for n in range(len(CELLS)))} == set(CELLS)


def test_every_fault_of_the_venue_that_an_order_can_meet_is_in_the_campaign() -> None:
    candles = {f.value for f in Fault if "candles" in f} | {"unsettled", "no_unfinished"}
    assert {fault for fault, _ in CELLS} == {f.value for f in Fault} - candles - NOT_OF_ORDERS


def test_the_same_numbers_make_the_same_life() -> None:
    assert plan(3, 17) == plan(3, 17)
    assert {plan(1, n).knife for n in range(400)} == {None, *Knife}


@pytest.mark.parametrize(
    ("tally", "whole", "code"),
    [
        (Tally(lives=1), False, 0),
        (Tally(lives=1, found=Counter({"lost": 1})), False, 1),
        (Tally(lives=1, cells=Counter({(f, s.value): LEAST for f, s in CELLS})), True, 0),
        (Tally(lives=1, cells=Counter({(f, s.value): LEAST for f, s in CELLS[1:]})), True, 1),
    ],
)
def test_it_fails_on_any_finding_and_a_whole_one_on_a_gap_in_what_it_covers(
    tally: Tally, whole: bool, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(tally, whole=whole) == code
    assert capsys.readouterr().out.splitlines()[-1] == tally.last_line()


def test_a_small_campaign_ends_with_what_it_found() -> None:
    command = [sys.executable, "-m", "chaos", "--lives", "3", "--seed", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith("attempts: ")
    assert last.endswith("lost: 0, doubled: 0, stuck: 0")


# The judge.

ORDER = {"client_id": "a", "order_id": 1, "side": "buy", "quantity": "1", "limit_price": "100", "cost": "100"}
FILL = {"trade_id": 7, "price": "100", "quantity": "1", "fee": "0.1", "fee_currency": "USDT"}


def account(*orders: dict[str, Any], usdt: str = "999899.9") -> dict[str, Any]:
    holdings = {"USDT": usdt, "BTC": "11", "ETH": "100"}
    rows = {currency: {"free": amount, "locked": "0"} for currency, amount in holdings.items()}
    return {"accounts": {KEY: {"orders": list(orders), "holdings": rows, "transfers": []}}}


def order(**more: Any) -> dict[str, Any]:
    return {**ORDER, "status": "filled", "filled": "1", "fills": [FILL], **more}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("judged") / "empty.db"
    with Books.open(f"sqlite:///{path}"):
        pass
    return path


def ledger(empty: Path, folder: Path, *, state: str = "filled", fills: int = 1, usdt: str = "999899.9") -> Path:
    """One order `a` of proposal `p`, with so many of its fill in the books."""
    file = folder / "desk.db"
    shutil.copy(empty, file)
    with closing(sqlite3.connect(file)) as conn, conn:
        row: dict[str, Any] = {
            "client_order_id": "a",
            "proposal_id": "p",
            "attempt": 1,
            "account_id": "chaos",
            "venue": "binance",
        }
        row |= {"owner": "ada", "symbol": "BTC/USDT", "side": "buy", "type": "limit", "quantity": "1"}
        row |= {"time_in_force": "gtc", "reduce_only": 0, "state": state, "filled_quantity": "1"}
        row |= {"filled_notional": "100", "reserved_currency": "USDT", "reserved_amount": "0", "protective": 0}
        row |= {"plan": "", "vouched": 0, "created_ns": 0, "updated_ns": 0, "looks": 0, "presumed_absent": 0}
        _insert(conn, "orders", row)
        for n in range(fills):
            traded: dict[str, Any] = {"venue": "binance", "trade_id": f"BTCUSDT/1/{7 + n}", "client_order_id": "a"}
            traded |= {"account_id": "chaos", "symbol": "BTC/USDT", "side": "buy", "quantity": "1", "price": "100"}
            traded |= {"fee": "0.1", "fee_currency": "USDT", "maker": 1, "ts_event_ns": 0, "known_at_ns": 0}
            _insert(conn, "fills", traded)
        for currency, total in (("USDT", usdt), ("BTC", "1")):
            _insert(conn, "balances", {"account_id": "chaos", "currency": currency, "total": total})
        for currency, amount in (("BTC", "10"), ("ETH", "100")):
            _insert(conn, "outside", {"account_id": "chaos", "currency": currency, "amount": amount})
    return file


def _insert(conn: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    # The file's own rules about other tables are not what is tested.
    conn.execute("PRAGMA foreign_keys=OFF")
    marks = ", ".join("?" for _ in row)
    conn.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))


AGREED: tuple[Any, ...] = (1, True, [], "-0.1", [], [], "100")


def kinds(books: dict[str, Any], file: Path, told: tuple[Any, ...] | None = AGREED) -> set[str]:
    return {kind for kind, _ in judged(books, file, told, CAP)}


def test_books_that_agree_are_found_innocent(empty: Path, tmp_path: Path) -> None:
    assert judged(account(order()), ledger(empty, tmp_path), AGREED, CAP) == []


@pytest.mark.parametrize(
    ("books", "more", "kind"),
    [
        (account(order(), order(client_id="b")), {}, "lost"),  # an order that nobody sent
        (account(order(), order(order_id=2, fills=[])), {}, "doubled"),  # the same id, filled twice
        (account(order()), {"fills": 0}, "lost"),
        (account(order()), {"fills": 2}, "doubled"),
        (account(order()), {"usdt": "999899.90000001"}, "doubled"),  # the last digit
        (account(order(status="new", filled="0", fills=[]), usdt="999899.9"), {"fills": 0}, "lost"),
        (account(order()), {"state": "unknown"}, "stuck"),
        (account(order(cost="20201")), {}, "doubled"),  # over its limit
    ],
)
def test_what_the_ledger_and_the_venue_disagree_on_is_named(
    books: dict[str, Any], more: dict[str, Any], kind: str, empty: Path, tmp_path: Path
) -> None:
    assert kind in kinds(books, ledger(empty, tmp_path, **more))


@pytest.mark.parametrize(
    "told", [None, (16, False, [], "-0.1", [], [], "100"), (1, True, [], "-0.1", ["balance off: USDT"], [], "100")]
)
def test_an_end_without_agreement_is_stuck(told: tuple[Any, ...] | None, empty: Path, tmp_path: Path) -> None:
    assert kinds(account(order()), ledger(empty, tmp_path), told) == {"stuck"}


def test_profit_that_is_off_by_a_digit_is_named(empty: Path, tmp_path: Path) -> None:
    assert kinds(account(order()), ledger(empty, tmp_path), (1, True, [], "-0.10000001", [], [], "100")) == {"lost"}
