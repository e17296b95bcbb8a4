"""What the doctor says of the venue that testnet and live work at."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from desk import waivers
from desk.doctor import examine
from desk.findings import Finding
from desk.home import Home
from desk.keys import KeyChain
from emulator.server import Emulator
from memory.books.database import Books


@pytest.fixture(autouse=True)
def empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRADEWARDEN_DATABASE_URL", raising=False)


@pytest_asyncio.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator() as found:
        yield found


def working_at(home: Home, address: str, mode: str = "live", more: str = "") -> None:
    table = f'[venue]\nname = "binance"\n[venue.endpoints.binance]\nrest = "{address}"\n'
    home.settings.write_text(f'mode = "{mode}"\n{table}{more}')


def with_keys(monkeypatch: pytest.MonkeyPatch, emulator: Emulator) -> None:
    monkeypatch.setenv("TRADEWARDEN_BINANCE_KEY", emulator.api_key)
    monkeypatch.setenv("TRADEWARDEN_BINANCE_SECRET", emulator.api_secret)


async def seen(home: Home) -> dict[str, Finding]:
    """In a thread of its own, since the venue answers on this one."""
    return {finding.part: finding for finding in await asyncio.to_thread(examine, home)}


async def test_without_keys_nobody_is_asked_and_the_way_to_give_some_is_named(home: Home, emulator: Emulator) -> None:
    working_at(home, emulator.base_url)
    found = await seen(home)
    assert not found["keys"].ok
    assert "warden keys add binance" in found["keys"].found
    assert not {"key scopes", "clock"} & found.keys()
    assert list(emulator.requests) == []


async def test_a_sound_key_is_shown_by_its_hint_with_what_it_may_do(
    home: Home, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    working_at(home, emulator.base_url)
    with_keys(monkeypatch, emulator)
    found = await seen(home)
    assert found["venue"].found == "live at binance was checked; spot; it has a testnet"
    assert found["keys"].found == f"binance …{emulator.api_key[-4:]}, from the environment"
    assert found["key scopes"].found == "reads and trades, and cannot withdraw; bound to addresses"
    assert found["clock"].ok
    assert found["dead man"].found == "the watchdog: the venue has no timer of its own"


@pytest.mark.parametrize(("mode", "ok"), [("live", False), ("testnet", True)])
async def test_a_key_that_can_withdraw_is_refused_live_until_somebody_accepts_it(
    home: Home, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, mode: str, ok: bool
) -> None:
    working_at(home, emulator.base_url, mode)
    with_keys(monkeypatch, emulator)
    emulator.exchange.accounts[emulator.api_key].may.withdraw = True
    assert (await seen(home))["key scopes"].ok is ok
    chain = {"TRADEWARDEN_BINANCE_KEY": emulator.api_key, "TRADEWARDEN_BINANCE_SECRET": emulator.api_secret}
    key = KeyChain(home, chain).need("binance")

    with Books.open(home.database_url) as books:
        books.write(
            lambda conn: waivers.waive(
                conn, waivers.KEYS, key.fingerprint, key.hint, by="ada", reason="empty account", now_ns=1
            )
        )
    found = (await seen(home))["key scopes"]
    assert found.ok
    assert mode == "testnet" or "accepted by ada: empty account" in found.found


async def test_a_venue_that_does_not_answer_is_named_and_the_rest_is_told(
    home: Home, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    working_at(home, emulator.base_url)
    with_keys(monkeypatch, emulator)
    monkeypatch.setattr("desk.venues.TIMEOUT_S", 0.5)
    emulator.faults.add("hang")
    found = await seen(home)
    assert not found["clock"].ok
    assert "did not answer in 0.5 s" in found["clock"].found
    assert not found["key scopes"].ok
    assert found["kill file"].ok


async def test_a_clock_that_is_off_by_more_than_the_breaker_allows_is_named(
    home: Home, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    working_at(home, emulator.base_url)
    with_keys(monkeypatch, emulator)
    emulator.faults.add("skew", ms=60_000)
    told = (await seen(home))["clock"]
    assert "behind binance" in told.found
    assert "set the clock of this machine" in told.found
