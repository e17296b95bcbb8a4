"""What going live asks for: each condition passes, or says what it needs."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection

from core.canonical import JSON
from core.errors import ConfigError
from core.time import DAY_NS, HOUR_NS
from desk import readiness, waivers
from desk.home import Home
from desk.keys import Found
from desk.readiness import CONFIRM, REHEARSED_DAYS
from desk.settings import Settings, parse
from execution.mismatches import Mismatch, MismatchKind, Reconciled
from execution.venues.exchange.client import Keys
from execution.venues.exchange.facts import PROVEN, unproven
from execution.venues.exchange.scopes import Scope, Unreadable
from memory.books import records
from memory.books.database import Books
from memory.books.tables import records as record_rows
from memory.books.words import RecordKind

SAFE = Scope(can_read=True, can_trade=True, can_withdraw=False)
LOOSE = Scope(can_read=True, can_trade=True, can_withdraw=True)
DARK = Unreadable("the venue was silent")
SETTINGS = parse({"mode": "testnet", "venue": {"name": "binance"}}, "the test")


@pytest.fixture
def books(home: Home) -> Iterator[Books]:
    with Books.open(home.database_url) as found:
        yield found


# The key


@pytest.mark.parametrize("scope", [LOOSE, DARK])
def test_a_key_that_can_withdraw_or_cannot_be_read_is_refused_live_and_only_warned_of_at_a_testnet(scope: Any) -> None:
    refused = readiness.key_scopes("binance", "live", scope, None, 0)
    assert not refused.ok
    assert "warden keys accept binance" in refused.found
    warned = readiness.key_scopes("binance", "testnet", scope, None, 0)
    assert warned.ok
    assert warned.found.startswith("warning: ")


@pytest.mark.parametrize("scope", [LOOSE, DARK])
def test_a_person_may_accept_such_a_key(scope: Any) -> None:
    found = readiness.key_scopes("binance", "live", scope, "ada: for a day", 0)
    assert found.ok
    assert "accepted by ada: for a day" in found.found


@pytest.mark.parametrize(("read", "trade"), [(False, True), (True, False), (False, False)])
def test_nobody_can_accept_a_key_that_does_not_trade(read: bool, trade: bool) -> None:
    assert not readiness.key_scopes("binance", "live", Scope(read, trade, False), "ada: please", 0).ok


def test_a_key_is_over_at_the_moment_that_it_expires() -> None:
    scope = Scope(True, True, False, expires_ns=DAY_NS)
    assert readiness.key_scopes("binance", "live", scope, None, DAY_NS - 1).ok
    assert not readiness.key_scopes("binance", "live", scope, None, DAY_NS).ok


def test_a_safe_key_passes() -> None:
    assert readiness.key_scopes("binance", "live", SAFE, None, 0).ok


# Waivers


def test_a_waiver_is_for_one_subject_and_keeps_who_and_why(books: Books) -> None:
    def waive(conn: Connection) -> None:
        waivers.waive(conn, waivers.KEYS, "print-1", "…1234", by="ada", reason="a sub-account", now_ns=1)

    books.write(waive)
    assert books.read(lambda conn: waivers.waived(conn, waivers.KEYS, "print-1")) == "ada: a sub-account"
    assert books.read(lambda conn: waivers.waived(conn, waivers.KEYS, "print-2")) is None
    assert books.read(lambda conn: waivers.waived(conn, waivers.REHEARSAL, "print-1")) is None


def test_nothing_is_waived_without_a_reason(books: Books) -> None:
    with pytest.raises(ConfigError, match="for a reason"):
        books.write(lambda conn: waivers.waive(conn, waivers.KEYS, "p", "…", by="ada", reason=" ", now_ns=1))
    assert books.read(lambda conn: waivers.waived(conn, waivers.KEYS, "p")) is None


# Reconciliation


def test_only_a_reconciliation_that_judged_everything_and_agrees_passes() -> None:
    off = Mismatch(MismatchKind.BALANCE_OFF, "BTC", "the books hold 1, the venue 2")
    assert not readiness.reconciliation(None).ok
    assert "the books hold 1" in readiness.reconciliation(Reconciled(0, mismatches=(off,))).found
    assert not readiness.reconciliation(Reconciled(0, left_alone=("BTC/USDT",))).ok
    assert readiness.reconciliation(Reconciled(0, fills=3)).ok


# The rehearsal


def rehearse(
    books: Books, days: int, *, settings: Settings = SETTINGS, market: str = "live", run: str = "run", first: int = 0
) -> None:
    def write(conn: Connection) -> None:
        command: dict[str, JSON] = {"market": {"kind": market}, "settings": settings.deciding()}
        records.begin_run(conn, run, "acct", command, 1)
        for day in range(first, first + days):
            for hour in (0, 23):
                row: dict[str, JSON] = dict.fromkeys(("record_hash", "body", "annex"), "x")
                row |= {
                    "kind": RecordKind.DECISION,
                    "account_id": "acct",
                    "run_id": run,
                    "record_id": f"{run}-{day}-{hour}",
                }
                at = day * DAY_NS + hour * HOUR_NS
                numbered = {"as_of_ns": at, "sequence": 100 * day + hour, "stream": run}
                conn.execute(record_rows.insert().values({**row, **numbered}))

    books.write(write)


def days_of(books: Books, settings: Settings = SETTINGS) -> int:
    return books.read(lambda conn: readiness.rehearsed_days(conn, settings))


def test_a_day_counts_once_however_many_records_and_runs_it_has(books: Books) -> None:
    assert days_of(books) == 0
    rehearse(books, 3)
    rehearse(books, 3, run="again", first=2)
    assert days_of(books) == 5


def test_live_under_the_same_policy_has_been_rehearsed_by_the_testnet(books: Books) -> None:
    rehearse(books, 2)
    live = parse({"mode": "live", "venue": {"name": "kraken"}}, "the test")
    assert days_of(books, live) == 2


def test_another_policy_a_market_of_the_past_and_live_itself_count_nothing(books: Books) -> None:
    tighter = parse({"risk": {"max_open_orders": 3}}, "the test")
    rehearse(books, 2)
    assert days_of(books, tighter) == 0
    rehearse(books, 20, market="simulated", run="simulated", first=30)
    rehearse(books, 20, settings=parse({"mode": "live", "venue": {"name": "binance"}}, "t"), run="live", first=60)
    assert days_of(books) == 2
    rehearse(books, 1, settings=parse({}, "paper"), run="paper", first=90)
    assert days_of(books) == 3


def test_thirteen_days_are_too_few_and_fourteen_enough() -> None:
    assert not readiness.rehearsal(REHEARSED_DAYS - 1, None).ok
    assert readiness.rehearsal(REHEARSED_DAYS, None).ok
    waived = readiness.rehearsal(0, "ada: it is my money")
    assert waived.ok
    assert "accepted by ada: it is my money" in waived.found


# The word


@pytest.mark.parametrize(
    ("asked", "typed", "told", "ok"),
    [
        (False, None, {}, False),
        (True, None, {}, False),
        (True, "yes", {}, False),
        (False, "acct", {}, False),
        (True, "acct", {}, True),
        (False, None, {CONFIRM: "acct"}, True),
        (False, None, {CONFIRM: "other"}, False),
        (True, None, {CONFIRM: ""}, False),
    ],
)
def test_real_money_needs_the_accounts_name(asked: bool, typed: str | None, told: dict[str, str], ok: bool) -> None:
    assert readiness.confirmation("acct", told, asked=asked, typed=typed).ok is ok


# The venue, and all together


def test_what_is_unproven_of_a_venue_is_said() -> None:
    assert readiness.venue_facts(PROVEN["kraken"]).found == "kraken was checked"
    assert "unproven are" in readiness.venue_facts(unproven("hyperspace")).found


def test_everything_that_is_missing_is_told_at_once() -> None:
    found = [readiness.rehearsal(3, None), readiness.reconciliation(None), readiness.venue_facts(PROVEN["okx"])]
    with pytest.raises(ConfigError) as refused:
        readiness.refuse_unready(found)
    assert "rehearsal: 3 of 14 days" in str(refused.value)
    assert "reconcile: " in str(refused.value)
    assert "okx" not in str(refused.value)
    readiness.refuse_unready([readiness.venue_facts(PROVEN["okx"])])


KEY = Found("binance", Keys("a-key-of-binance", "secret"), "the environment")


def ready(books: Books, settings: Settings, **more: Any) -> dict[str, bool]:
    agreed = Reconciled(0)
    found = books.read(
        lambda conn: readiness.conditions(conn, settings, "acct", KEY, SAFE, agreed, {}, now_ns=1, **more)
    )
    return {finding.part: finding.ok for finding in found}


def test_a_testnet_asks_for_no_rehearsal_and_no_word(books: Books) -> None:
    assert ready(books, SETTINGS) == {"venue": True, "key scopes": True, "reconcile": True}


def test_live_asks_for_all_and_each_can_be_met(books: Books) -> None:
    live = parse({"mode": "live", "venue": {"name": "binance"}}, "the test")
    assert ready(books, live) == {
        "venue": True,
        "key scopes": True,
        "reconcile": True,
        "rehearsal": False,
        "confirmation": False,
    }
    policy = live.risk.policy_hash
    books.write(lambda conn: waivers.waive(conn, waivers.REHEARSAL, policy, "", by="ada", reason="mine", now_ns=1))
    assert all(ready(books, live, asked=True, typed="acct").values())
