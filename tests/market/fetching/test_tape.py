"""Public trades fetched with ccxt's own class: each once, none left out unseen, and what is left after a kill."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from core.errors import ConfigError, ExchangeUnavailable
from core.time import HOUR_NS, MINUTE_NS, SECOND_NS, parse_time
from market.fetching.ranges import MS_NS, Range
from market.fetching.tape import TradeFetch
from market.fetching.told import Brought, Pace
from market.store.trades import LogKey, LogStore, Trade
from tests.market.fetching.standing import BTC, FAILING, NOW, PERP, Naps, Standing, standing

AGG = "/api/v3/aggTrades"
SINCE, UNTIL = parse_time("2026-03-01T12:00"), parse_time("2026-03-01T12:05")
EACH_NS = 100 * 1_000_000  # a trade for every tenth of a second, three of them at one moment
COUNT = (UNTIL - SINCE) // EACH_NS
FIRST = SINCE // EACH_NS  # its number


@pytest_asyncio.fixture
async def at() -> AsyncIterator[Standing]:
    async with standing() as found:
        yield found


@pytest.fixture
def store(tmp_path: Path) -> LogStore[Trade]:
    return LogStore(tmp_path, Trade)


async def fetch(
    at: Standing,
    store: LogStore[Trade],
    since_ns: int = SINCE,
    until_ns: int | None = UNTIL,
    *,
    symbol: str = BTC,
    pace: Pace | None = None,
) -> Brought:
    naps = Naps()
    fetching = TradeFetch(at.client, store, at.clock, pace=pace, sleep=naps.sleep, now_s=naps.now)
    return await fetching.fetch(symbol, since_ns=since_ns, until_ns=until_ns)


def numbers(store: LogStore[Trade], venue: str = "binance", symbol: str = BTC) -> list[int]:
    found = store.read(venue, symbol, since_ns=0, as_of_ns=NOW + HOUR_NS)
    return sorted(int(trade.trade_id) for trade in found)


def covered(store: LogStore[Trade], venue: str = "binance") -> list[tuple[int, int]]:
    return [tuple(span) for span in store.manifest(LogKey(venue, BTC)).covered]  # type: ignore[misc]


ALL = list(range(FIRST, FIRST + COUNT))


# ── what is asked for ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_unknown_symbol_is_refused(at: Standing, store: LogStore[Trade]) -> None:
    with pytest.raises(ConfigError, match="binance has no XYZ/USDT"):
        await fetch(at, store, symbol="XYZ/USDT")


async def test_a_venue_without_the_call_is_refused_with_what_it_has(at: Standing, store: LogStore[Trade]) -> None:
    at.client.has["fetchTrades"] = None
    with pytest.raises(ConfigError, match=r"binance serves no trades .* it serves candles, funding, open-interest"):
        await fetch(at, store)


async def test_a_range_in_the_future_is_empty_and_asks_for_no_trades(at: Standing, store: LogStore[Trade]) -> None:
    assert (await fetch(at, store, parse_time("2026-04-01"), None)).rows == 0
    assert at.asked(AGG) == []


@pytest.mark.parametrize("symbol", [BTC, PERP])
async def test_every_trade_of_the_range_is_there_once_the_first_included_and_the_end_not(
    at: Standing, store: LogStore[Trade], symbol: str
) -> None:
    done = await fetch(at, store, symbol=symbol)
    assert numbers(store, symbol=symbol) == ALL
    assert (done.rows, done.new, done.missing, done.repeated, done.retries) == (COUNT, COUNT, 0, 0, 0)
    assert done.notes() == []


async def test_pages_are_known_before_they_are_asked_for(at: Standing, store: LogStore[Trade]) -> None:
    done = await fetch(at, store)
    pages = [int(asked["fromId"]) for asked in at.asked(AGG) if int(asked["limit"]) > 1]
    assert sorted(pages) == [FIRST, FIRST + 1000, FIRST + 2000]
    assert done.requests < 12


async def test_the_stored_trade_is_the_venues(at: Standing, store: LogStore[Trade]) -> None:
    await fetch(at, store, SINCE, SINCE + SECOND_NS)
    [raw] = await at.client.publicGetAggTrades({"symbol": "BTCUSDT", "fromId": FIRST, "limit": 1})
    found = next(t for t in store.read("binance", BTC, since_ns=0, as_of_ns=NOW) if t.trade_id == str(FIRST))
    assert (str(found.price), str(found.quantity)) == (raw["p"].rstrip("0"), raw["q"].rstrip("0"))
    assert (found.ts_event_ns, found.known_at_ns) == (int(raw["T"]) * MS_NS, int(raw["T"]) * MS_NS)
    assert found.side == ("sell" if raw["m"] else "buy")


# ── where a range begins and ends ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("hint", ["empty", "the last ones", "anywhere"])
async def test_what_the_venue_answers_by_time_is_only_a_hint(
    at: Standing, store: LogStore[Trade], monkeypatch: pytest.MonkeyPatch, hint: str
) -> None:
    """Venues have answered a range of time with its last trades, and with none where they were quiet for an hour."""
    get = at.client.publicGetAggTrades

    async def misleading(params: dict[str, Any]) -> Any:
        if "startTime" not in params:
            return await get(params)
        if hint == "empty":
            return []
        off = 500 if hint == "the last ones" else -70
        return await get({"symbol": params["symbol"], "fromId": params["startTime"] // 100 + off, "limit": 1})

    monkeypatch.setattr(at.client, "publicGetAggTrades", misleading)
    await fetch(at, store)
    assert numbers(store) == ALL


async def test_a_range_that_ends_now_has_all_but_what_is_too_fresh(at: Standing, store: LogStore[Trade]) -> None:
    await fetch(at, store, NOW - MINUTE_NS, None)
    found = store.read("binance", BTC, since_ns=0, as_of_ns=NOW)
    assert [trade.ts_event_ns for trade in found][-1] < NOW - Pace().grace_ns
    assert numbers(store) == list(range(numbers(store)[0], numbers(store)[-1] + 1))
    assert numbers(store)[0] == (NOW - MINUTE_NS) // EACH_NS


async def test_what_lies_before_a_listing_is_said(at: Standing, store: LogStore[Trade]) -> None:
    listed = parse_time("2026-02-10T06:30")
    done = await fetch(at, store, listed - HOUR_NS, listed + MINUTE_NS, symbol="NEW/USDT")
    assert done.rows == 600
    assert done.unreachable == Range(listed - HOUR_NS, listed)
    assert "the venue shows nothing from 2026-02-10 05:30:00Z to 2026-02-10 06:30:00Z" in done.notes()[0]


# ── verified ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("cut", [1, 400])
async def test_a_page_that_was_cut_short_is_asked_for_again_from_there(
    at: Standing, store: LogStore[Trade], monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    get = at.client.publicGetAggTrades

    async def cutting(params: dict[str, Any]) -> Any:
        return (await get(params))[:cut]

    monkeypatch.setattr(at.client, "publicGetAggTrades", cutting)
    until = UNTIL if cut > 1 else SINCE + 3 * SECOND_NS
    await fetch(at, store, SINCE, until)
    assert numbers(store) == ALL[: (until - SINCE) // EACH_NS]


async def test_numbers_that_the_venue_skips_are_counted(
    at: Standing, store: LogStore[Trade], monkeypatch: pytest.MonkeyPatch
) -> None:
    get, gone = at.client.publicGetAggTrades, {FIRST + 500, FIRST + 999, FIRST + 1000, FIRST + 2500}

    async def skipping(params: dict[str, Any]) -> Any:
        rows = await get({**params, "limit": params["limit"] + len(gone)})
        return [row for row in rows if int(row["a"]) not in gone][: params["limit"]]

    monkeypatch.setattr(at.client, "publicGetAggTrades", skipping)
    done = await fetch(at, store)
    assert numbers(store) == [number for number in ALL if number not in gone]
    assert done.missing == 4
    assert "4 trades are missing at the venue, by their ids" in done.notes()[0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"p": "0"}, None),
        ({"q": "-1"}, None),
        ({"T": "9999999999999"}, "trades run to"),
        ({"T": str((SINCE - HOUR_NS) // MS_NS)}, "not in the order of their numbers"),
        ({"a": str(FIRST + 11)}, "is there twice with other numbers"),
        ({"T": "soon"}, "the answer could not be read"),
        ({"q": "much"}, "the answer could not be read"),
    ],
    ids=str,
)
async def test_a_trade_that_cannot_be_is_left_out_and_an_answer_that_cannot_be_is_refused(
    at: Standing, store: LogStore[Trade], monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], reason: str | None
) -> None:
    get = at.client.publicGetAggTrades

    async def spoiling(params: dict[str, Any]) -> Any:
        rows = await get(params)
        return [{**row, **change} if int(row["a"]) == FIRST + 10 and len(rows) > 1 else row for row in rows]

    monkeypatch.setattr(at.client, "publicGetAggTrades", spoiling)
    if reason is not None:
        with pytest.raises(ExchangeUnavailable, match=reason):
            await fetch(at, store)
        return
    done = await fetch(at, store)
    assert numbers(store) == [number for number in ALL if number != FIRST + 10]
    assert done.broken == 1


@pytest.mark.parametrize("rule", FAILING, ids=lambda rule: "-".join(map(str, rule.values())))
async def test_a_request_that_fails_is_made_again_and_nothing_is_lost(
    at: Standing, store: LogStore[Trade], rule: dict[str, Any]
) -> None:
    at.venue.faults.set([{**rule, "path": "*/aggTrades", "after": 6, "times": 6 if rule["fault"] == "cut" else 1}])
    at.client.timeout = 1_000
    await fetch(at, store)
    assert numbers(store) == ALL


async def test_an_answer_by_number_that_is_empty_is_not_believed(at: Standing, store: LogStore[Trade]) -> None:
    at.venue.faults.add("empty", path="*/aggTrades", body="[]", after=6)
    with pytest.raises(ExchangeUnavailable, match="the answer is empty, and there are trades"):
        await fetch(at, store)


# ── again, and after a kill ─────────────────────────────────────────────────────────────────────────────────────────


async def test_the_same_fetch_again_asks_for_nothing_and_a_longer_one_for_the_rest(
    at: Standing, store: LogStore[Trade]
) -> None:
    await fetch(at, store)
    assert covered(store) == [(SINCE, UNTIL)]
    at.venue.requests.clear()
    assert (await fetch(at, store)).rows == 0
    assert at.asked(AGG) == []
    assert (await fetch(at, store, SINCE, UNTIL + MINUTE_NS)).new == 600
    assert numbers(store) == list(range(FIRST, FIRST + COUNT + 600))


async def test_what_came_before_a_failure_is_kept_and_not_asked_for_again(at: Standing, store: LogStore[Trade]) -> None:
    get = at.client.publicGetAggTrades

    async def failing(params: dict[str, Any]) -> Any:
        return "<html>" if params.get("fromId") == FIRST + 2000 else await get(params)

    at.client.publicGetAggTrades = failing
    with pytest.raises(ExchangeUnavailable, match="6 tries failed"):
        await fetch(at, store)
    assert numbers(store) == ALL[:2000]
    # Of the last moment there may be more trades: it is asked for again.
    assert covered(store) == [(SINCE, SINCE + 1998 * EACH_NS)]
    at.client.publicGetAggTrades = get
    done = await fetch(at, store)
    assert numbers(store) == ALL
    assert (done.rows, done.new) == (COUNT - 1998, COUNT - 2000)


_CHILD = """
import asyncio, sys
from pathlib import Path
from core.time import ManualClock
from market.fetching.tape import TradeFetch
from market.fetching.told import Pace
from market.store.trades import LogStore, Trade
from market.venues import reader

async def main(url, folder, now, since, until):
    client = reader("binance", endpoints={"rest": url})
    fetch = TradeFetch(client, LogStore(Path(folder), Trade), ManualClock(int(now)), pace=Pace(write_bars=1000))
    await fetch.fetch("BTC/USDT", since_ns=int(since), until_ns=int(until))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_after_a_kill_the_same_fetch_goes_on(at: Standing, store: LogStore[Trade], tmp_path: Path) -> None:
    # The venue stops answering where the first pages have been written and the others have not.
    at.venue.faults.add("hang", path="*/aggTrades", after=8)
    arguments = map(str, (at.venue.base_url, tmp_path, NOW, SINCE, UNTIL))
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", _CHILD, *arguments)
    deadline = time.monotonic() + 120
    while not covered(store) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    assert await child.wait() == -signal.SIGKILL
    kept = len(numbers(store))
    assert 0 < kept < COUNT
    at.venue.faults.clear()
    done = await fetch(at, store)
    assert numbers(store) == ALL
    assert done.rows <= COUNT - kept + 3


# ── venues that answer by time alone ────────────────────────────────────────────────────────────────────────────────


async def test_pages_by_time_overlap_and_leave_nothing_out(store: LogStore[Trade]) -> None:
    async with standing("kraken") as at:
        done = await fetch(at, store)
        assert numbers(store, "kraken") == ALL
        assert (done.rows, done.unreachable, covered(store, "kraken")) == (COUNT, None, [(SINCE, UNTIL)])
        assert (await fetch(at, store)).requests <= 1


async def test_pages_that_do_not_meet_are_refused(store: LogStore[Trade], monkeypatch: pytest.MonkeyPatch) -> None:
    async with standing("kraken") as at:
        get = at.client.fetch_trades

        async def jumping(symbol: str, since: int, limit: int, params: dict[str, Any]) -> Any:
            return await get(symbol, since + 60_000 if since > SINCE // MS_NS else since, limit, params)

        monkeypatch.setattr(at.client, "fetch_trades", jumping)
        with pytest.raises(ExchangeUnavailable, match=r"the page before ends with .*, which is not in this one"):
            await fetch(at, store)


async def test_a_venue_that_shows_its_newest_trades_alone_is_noticed(store: LogStore[Trade]) -> None:
    async with standing("bybit") as at:
        done = await fetch(at, store, SINCE, None)
        assert done.unreachable is not None
        assert done.unreachable.start_ns == SINCE
        assert covered(store, "bybit")[0][0] == done.unreachable.end_ns > NOW - MINUTE_NS
        assert done.rows > 0


async def test_more_trades_at_one_moment_than_an_answer_has_are_refused(
    store: LogStore[Trade], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with standing("kraken") as at:
        monkeypatch.setattr("market.fetching.tape._LIMIT", 5)  # a second has ten, and the venue counts in seconds
        with pytest.raises(ExchangeUnavailable, match="more trades at one moment than one answer has"):
            await fetch(at, store)
