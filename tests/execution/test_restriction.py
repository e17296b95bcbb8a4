"""An account that its venue froze: nothing adds risk, exits pass, and a restart does not forget it."""

import pytest
from sqlalchemy import Connection

from core.errors import AccountRestricted, DeskError, ReadRestricted
from core.orders import OrderState
from core.verdicts import AnswerKind
from execution import incidents, restriction
from execution.vitals import VenueStatus, Vitals
from memory.books import journal
from memory.books.words import IncidentKind
from risk.codes import DenialCode
from tests.execution.conftest import Opened
from tests.execution.desk import ACCOUNT, T0, Desk, denials

FROZEN = AccountRestricted("binance: AccountSuspended: this account may not trade")
UNREAD = ReadRestricted("binance: fetch_order: PermissionDenied: this key may not read")


def standing(desk: Desk) -> str | None:
    return desk.books.read(lambda conn: restriction.standing(conn, ACCOUNT))


def told(desk: Desk) -> list[str]:
    entries = desk.books.read(lambda conn: journal.entries(conn, ACCOUNT))
    return [e.kind for e in entries if e.kind.startswith("incident") and e.body["kind"] == "restricted"]


async def frozen(desk: Desk, symbol: str = "BTC/USDT") -> None:
    desk.venue.fails_before = FROZEN
    refused = desk.buy("1", symbol=symbol)
    assert (await desk.propose(refused)).kind is AnswerKind.DONE
    assert desk.order_of(refused).state is OrderState.REJECTED
    desk.venue.fails_before = None


async def test_a_venue_that_freezes_the_account_denies_all_new_risk_and_no_exit(open_desk: Opened) -> None:
    desk = open_desk(coins=["SOL"])
    await desk.bought("2")
    await frozen(desk, "SOL/USDT")
    assert denials(await desk.propose(desk.buy("1", symbol="ETH/USDT"))) == [DenialCode.ACCOUNT_RESTRICTED]
    assert (await desk.propose(desk.sell("1"))).kind is not AnswerKind.DENIED


async def test_it_is_journaled_once_however_often_the_watch_looks(desk: Desk) -> None:
    await frozen(desk)
    for _ in range(3):
        await desk.step()
    assert standing(desk) == str(FROZEN)
    assert told(desk) == ["incident"]


async def test_a_process_that_heard_nothing_of_it_reads_it_in_the_books(desk: Desk) -> None:
    await frozen(desk)
    await desk.step()
    fresh = Vitals(desk.clock, simulated=False)
    assert fresh.restricted() is None
    assert desk.books.read(lambda conn: restriction.holds(conn, ACCOUNT, fresh))
    desk.books.write(lambda conn: restriction.Restriction(ACCOUNT, "paper", fresh).keep(conn, T0))
    assert standing(desk) is not None
    assert not desk.books.read(lambda conn: restriction.holds(conn, "another", fresh))


async def test_the_venue_lifts_it(desk: Desk) -> None:
    await frozen(desk)
    await desk.step()
    desk.vitals.hears_status(VenueStatus.WORKS)
    await desk.step()
    assert standing(desk) is not None
    desk.vitals.hears_status(VenueStatus.WORKS, restricted=False)
    await desk.step()
    assert standing(desk) is None
    assert told(desk) == ["incident", "incident_closed"]
    assert denials(await desk.propose(desk.buy("1", symbol="ETH/USDT"))) == []


async def test_a_person_lifts_it_and_the_venue_may_freeze_it_again(desk: Desk) -> None:
    await frozen(desk)
    await desk.step()

    def lift(conn: Connection) -> bool:
        return restriction.lift(conn, ACCOUNT, by="ada", reason="verified", now_ns=T0)

    assert desk.books.write(lift)
    desk.vitals.lifts()
    assert not desk.books.write(lift)
    await frozen(desk, "ETH/USDT")
    await desk.step()
    assert standing(desk) == str(FROZEN)
    counted = desk.books.read(lambda conn: incidents.open_count(conn, ACCOUNT))
    assert counted[IncidentKind.RESTRICTED] == 1


@pytest.mark.parametrize("told", [FROZEN, UNREAD])
def test_whichever_call_says_it_counts(desk: Desk, told: DeskError) -> None:
    vitals = Vitals(desk.clock, simulated=False)
    with pytest.raises(type(told)), vitals.call():
        raise told
    assert vitals.restricted() is True
    assert vitals.restriction == str(told)


def unreadable(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise UNREAD

    monkeypatch.setattr(desk.venue, "_must_be_readable", refuse)


async def test_a_poll_that_meets_a_frozen_account_restricts_it(
    open_desk: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = open_desk(coins=["SOL"])
    await desk.bought("2")
    await desk.propose(desk.buy("1", at="99", symbol="SOL/USDT"))
    unreadable(desk, monkeypatch)
    await desk.step()
    assert standing(desk) == str(UNREAD)
    assert denials(await desk.propose(desk.buy("1", symbol="ETH/USDT"))) == [DenialCode.ACCOUNT_RESTRICTED]
    assert (await desk.propose(desk.sell("1"))).kind is not AnswerKind.DENIED


async def test_a_reconciliation_that_meets_a_frozen_account_restricts_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreadable(desk, monkeypatch)
    with pytest.raises(ReadRestricted):
        await desk.watch.reconcile()
    await desk.step()
    assert standing(desk) == str(UNREAD)
    assert told(desk) == ["incident"]
