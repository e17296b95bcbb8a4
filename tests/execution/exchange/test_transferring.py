"""Money that comes and goes at each emulated venue, told through ccxt, and booked by a reconciliation."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from chaos import processes
from chaos.desk import ACCOUNT, opened
from chaos.market import PRICE
from chaos.surfaces import SURFACES
from core.errors import ExchangeUnavailable
from core.time import DAY_NS
from emulator.accounts import Account, Transfer
from emulator.server import Emulator
from execution.venues.exchange.reading import move_of
from memory.books import accounts
from memory.books.database import Books
from tests.execution.exchange.emulated import DIALECTS, Place, an_hour_ago, place_at


@pytest_asyncio.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator() as found:
        yield found


def account_of(place: Place) -> Account:
    return place.emulator.exchange.accounts[place.emulator.api_key]


@pytest.mark.parametrize("where", list(SURFACES))
async def test_a_deposit_and_a_withdrawal_are_booked_once_and_are_no_profit(where: str, tmp_path: Path) -> None:
    surface = SURFACES[where]
    wallet = "futures" if surface.contracts else "spot"
    processes.load()
    with Books.open(f"sqlite:///{tmp_path / 'desk.db'}"):
        pass
    with processes.venue(5) as address:
        async with opened(address, tmp_path, PRICE, stream=False, timeout_ms=5_000, surface=surface) as worked:
            desk, control = worked.desk, worked.world.control
            await desk.watch.recover()
            control.transfer("USDT", "500", wallet)
            control.transfer("USDT", "-120.5", wallet)
            worked.world.passes(10_000)
            found = await desk.watch.reconcile()
            assert (found.clean, found.transfers) == (True, 2)
            worked.world.passes(10_000)
            again = await desk.watch.reconcile()
            assert (again.clean, again.transfers) == (True, 0)
            held = desk.books.read(lambda conn: accounts.balances(conn, ACCOUNT))
            assert held == {"USDT": surface.money + Decimal("379.5")}
            assert desk.books.read(lambda conn: accounts.transferred(conn, ACCOUNT)) == Decimal("379.5")


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_both_ways_are_told_with_their_sign_and_a_name_of_their_own(dialect: str, emulator: Emulator) -> None:
    async with place_at(dialect, emulator) as at:
        for currency, amount in (("USDT", "1.25"), ("BTC", "-0.5")):
            emulator.exchange.transfer(account_of(at), currency, Decimal(amount))
        told = await at.venue.transfers(an_hour_ago())
        assert {(each.currency, each.amount) for each in told} == {
            ("USDT", Decimal("1.25")),
            ("BTC", Decimal("-0.5")),
        }
        assert {each.transfer_id.partition("/")[0] for each in told} == {"deposit", "withdrawal"}


async def test_more_deposits_than_bybit_lists_at_once_are_all_told(emulator: Emulator) -> None:
    async with place_at("bybit", emulator) as at:
        now_ms = emulator.exchange.clock.now_ms()
        account_of(at).transfers += [
            Transfer(f"t{number}", "USDT", Decimal(1 + number), now_ms - number * 1_000) for number in range(120)
        ]
        told = await at.venue.transfers(an_hour_ago())
        assert [each.amount for each in told] == [Decimal(1 + number) for number in reversed(range(120))]


async def test_more_deposits_in_one_moment_than_a_page_are_not_passed_over_in_silence(emulator: Emulator) -> None:
    async with place_at("bybit", emulator) as at:
        now_ms = emulator.exchange.clock.now_ms()
        account_of(at).transfers += [Transfer(f"t{number}", "USDT", Decimal(1), now_ms) for number in range(51)]
        with pytest.raises(ExchangeUnavailable, match="more transfers in one moment"):
            await at.venue.transfers(an_hour_ago())


async def test_a_long_past_is_asked_for_in_spans_that_bybit_allows(emulator: Emulator) -> None:
    async with place_at("bybit", emulator) as at:
        old_ms = emulator.exchange.clock.now_ms() - 70 * 86_400_000
        account_of(at).transfers.append(Transfer("old", "USDT", Decimal(7), old_ms))
        told = await at.venue.transfers(an_hour_ago() - 80 * DAY_NS)
        assert [each.amount for each in told] == [Decimal(7)]
        spans = [r.params for r in emulator.requests if r.path.endswith("deposit/query-record")]
        assert len(spans) >= 3
        assert all(int(span["endTime"]) - int(span["startTime"]) <= 30 * 86_400_000 for span in spans)


MOVE = {"id": "7", "direction": "out", "amount": "10", "currency": "USDT", "timestamp": 5}


def test_a_line_of_a_wallet_s_ledger_goes_by_its_direction() -> None:
    went, came = move_of(MOVE), move_of({**MOVE, "direction": "in"})
    assert (went.transfer_id, went.amount, went.ts_event_ns) == ("wallet/7", Decimal(-10), 5_000_000)
    assert came.amount == Decimal(10)


@pytest.mark.parametrize("key", list(MOVE))
def test_a_line_of_a_wallet_s_ledger_without_one_of_its_words_is_a_failed_read(key: str) -> None:
    missing: dict[str, Any] = {**MOVE, key: None}
    with pytest.raises(ExchangeUnavailable):
        move_of(missing)
