"""Back-fill against the emulated venue: every trap of pagination, every fault, and what is left after a kill."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from core.errors import ConfigError, ExchangeUnavailable
from core.time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, ManualClock, Timeframe, parse_time
from emulator.listings import STANDARD, listing
from emulator.server import Emulator
from market.fetching.backfill import Backfill
from market.fetching.calling import Patience
from market.fetching.ranges import MS_NS, Range
from market.fetching.told import Fetched, Pace, Progress
from market.store.candles import BarsKey, CandleStore
from market.venues import reader

BTC = "BTC/USDT"
H1 = Timeframe.H1
NOW = parse_time("2026-03-01T12:20")
LAST_CLOSED = parse_time("2026-03-01T11:00")  # opens then, closes at 12:00
ARCHIVE = parse_time("2025-11-01")
KLINES = "/api/v3/klines"
NEW = listing("NEW/USDT", "1", "0.0001", "0.01", listed="2025-12-10T06:30")


class Naps:
    """Sleeps that take no time, and are remembered."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.taken: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.taken.append(seconds)
        self.now_s += seconds
        await asyncio.sleep(0)

    def now(self) -> float:
        return self.now_s


class Desk:
    """A venue whose time stands still, a client for it, a store, and a backfill between them."""

    def __init__(self, folder: Path, venue: Emulator, clock: ManualClock, client: Any) -> None:
        self.folder, self.venue, self.clock, self.client = folder, venue, clock, client
        self.store = CandleStore(folder)
        self.naps = Naps()
        self.reported: list[Progress] = []

    async def fetch(
        self,
        since: str | int,
        timeframe: Timeframe = H1,
        *,
        until: str | None = None,
        symbol: str = BTC,
        pace: Pace | None = None,
    ) -> Fetched:
        backfill = Backfill(
            self.client,
            self.store,
            self.clock,
            pace=pace,
            report=self.reported.append,
            sleep=self.naps.sleep,
            now_s=self.naps.now,
        )
        return await backfill.fetch(
            symbol,
            timeframe,
            since_ns=parse_time(since) if isinstance(since, str) else since,
            until_ns=None if until is None else parse_time(until),
        )

    def opens(self, timeframe: Timeframe = H1, symbol: str = BTC) -> list[int]:
        return list(self.store.versions(BarsKey(self.client.id, symbol, timeframe)).rows.open_ns.tolist())

    def covered(self) -> list[tuple[int, int]]:
        return [tuple(span) for span in self.store.manifest(BarsKey(self.client.id, BTC, H1)).covered]

    def asked(self, path: str = KLINES, key: str = "startTime", interval: str = "1h") -> list[int]:
        """Starts (ns) of the pages that were asked for, in order of arrival."""
        return [
            int(seen.params[key]) * MS_NS
            for seen in self.venue.requests
            if seen.path == path and seen.params["interval"] == interval
        ]


def hours(start_ns: int, end_ns: int = LAST_CLOSED) -> list[int]:
    """Opens from start to end, both included."""
    return list(range(start_ns, end_ns + 1, HOUR_NS))


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async for found in _desk(tmp_path, "binance"):
        yield found


async def _desk(folder: Path, name: str) -> AsyncIterator[Desk]:
    clock = ManualClock(NOW)
    async with Emulator(clock=clock, weight_limit=100_000, listings=(*STANDARD, NEW)) as venue:
        client = reader(name, endpoints={"rest": venue.base_url}, rate_limited=False, timeout_ms=3_000)
        try:
            yield Desk(folder, venue, clock, client)
        finally:
            await client.close()


# ── what is asked for ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_unknown_symbol_is_refused_with_those_there_are(desk: Desk) -> None:
    with pytest.raises(ConfigError, match="binance has no XYZ/USDT; it has ADA/USDT, AVAX/USDT"):
        await desk.fetch("2026-01-01", symbol="XYZ/USDT")


async def test_a_timeframe_that_the_venue_does_not_serve_is_refused(tmp_path: Path) -> None:
    async for desk in _desk(tmp_path, "kraken"):
        with pytest.raises(ConfigError, match="kraken serves no 2h candles; it serves 1m, 5m, 15m, 30m, 1h, 4h, 1d"):
            await desk.fetch("2026-02-01", Timeframe.H2)


async def test_a_range_in_the_future_or_none_at_all_asks_for_no_candles(desk: Desk) -> None:
    assert (await desk.fetch("2026-04-01")).bars == 0
    assert (await desk.fetch("2026-02-01", until="2026-02-01")).bars == 0
    assert desk.asked() == []


async def test_since_between_two_opens_begins_with_the_next_one(desk: Desk) -> None:
    await desk.fetch("2026-03-01T09:30")
    assert desk.opens() == hours(parse_time("2026-03-01T10:00"))


async def test_until_is_excluded(desk: Desk) -> None:
    await desk.fetch("2026-02-01", until="2026-02-01T05:00")
    assert len(desk.opens()) == 5


# ── pages ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_every_candle_is_asked_for_once_in_pages_of_the_venues_size(desk: Desk) -> None:
    done = await desk.fetch(ARCHIVE)
    assert desk.opens() == hours(ARCHIVE)
    assert sorted(desk.asked()) == list(range(ARCHIVE, LAST_CLOSED, 1000 * HOUR_NS))
    assert (done.bars, done.missing, done.retries, done.notes()) == (len(desk.opens()), 0, 0, [])


async def test_the_stored_numbers_are_the_venues(desk: Desk) -> None:
    await desk.fetch("2026-02-01", until="2026-02-01T03:00")
    raw = await desk.client.publicGetKlines(
        {"symbol": "BTCUSDT", "interval": "1h", "startTime": parse_time("2026-02-01") // MS_NS, "limit": 3}
    )
    bars = desk.store.bars("binance", BTC, H1, as_of_ns=NOW, n=3)
    for name, column in (("open", 1), ("high", 2), ("low", 3), ("close", 4), ("volume", 5)):
        assert getattr(bars, name).tolist() == [float(row[column]) for row in raw]


async def test_pages_that_come_back_out_of_order_are_stored_in_order(desk: Desk) -> None:
    desk.venue.faults.add("drip", path="*/klines", nth=2, seconds=0.2)
    await desk.fetch(ARCHIVE)
    assert desk.opens() == hours(ARCHIVE)


@pytest.mark.parametrize("limit", [1_500, 999, 7])
async def test_a_venue_that_cuts_pages_shorter_than_it_says_leaves_no_hole(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    since = "2025-12-01" if limit > 100 else "2026-03-01"
    monkeypatch.setattr("market.fetching.pages.page_limit", lambda client, symbol: limit)
    await desk.fetch(since)
    assert desk.opens() == hours(parse_time(since))


async def test_a_page_that_is_one_candle_short_is_filled(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that means one less: okx once served 299 of 300."""
    get = desk.client.publicGetKlines
    monkeypatch.setattr(
        desk.client, "publicGetKlines", lambda params: get({**params, "limit": max(1, params["limit"] - 1)})
    )
    await desk.fetch("2026-02-01")
    assert desk.opens() == hours(parse_time("2026-02-01"))


async def test_newest_first_pages_of_bybit_are_the_same_candles(tmp_path: Path) -> None:
    async for desk in _desk(tmp_path, "bybit"):
        await desk.fetch(ARCHIVE)
        assert desk.opens() == hours(ARCHIVE)
        await desk.client.close()


async def test_the_last_row_that_comes_twice_is_stored_once_and_counted(desk: Desk) -> None:
    desk.venue.faults.add("duplicate_candles")
    done = await desk.fetch(ARCHIVE)
    assert desk.opens() == hours(ARCHIVE)
    assert done.repeated >= 3


# ── where history begins ────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_years_before_a_listing_cost_a_few_requests_and_are_said(desk: Desk) -> None:
    done = await desk.fetch("2010-01-01", symbol="NEW/USDT")
    assert done.first_ns == parse_time("2025-12-10T07:00")
    assert desk.opens(symbol="NEW/USDT") == hours(done.first_ns)
    assert len(desk.asked(interval="1d")) == 6
    assert any("history begins at 2025-12-10 07:00:00Z" in note for note in done.notes())
    assert done.missing == 0


async def test_the_years_before_a_listing_are_not_asked_for_again(desk: Desk) -> None:
    await desk.fetch("2010-01-01", symbol="NEW/USDT")
    desk.venue.requests.clear()
    await desk.fetch("2010-01-01", symbol="NEW/USDT")
    assert len([seen for seen in desk.venue.requests if seen.path == KLINES]) == 1


async def test_kraken_serves_the_latest_720_and_the_rest_is_said_to_be_unreachable(tmp_path: Path) -> None:
    async for desk in _desk(tmp_path, "kraken"):
        done = await desk.fetch("2025-01-01")
        oldest = parse_time("2026-03-01T12:00") - 719 * HOUR_NS
        assert desk.opens() == hours(oldest)
        assert done.unreachable == Range(parse_time("2025-01-01"), oldest)
        assert "only its newest candles" in done.notes()[0]
        assert desk.covered() == [(oldest, LAST_CLOSED + HOUR_NS)]


async def test_a_venue_that_answers_everything_with_its_newest_candles_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("market.fetching.backfill.RECENT_ONLY", {})
    async for desk in _desk(tmp_path, "kraken"):
        done = await desk.fetch("2025-06-01", Timeframe.M30)
        assert done.unreachable is not None
        assert done.unreachable.start_ns == parse_time("2025-06-01")
        assert done.missing == 0
        assert all(start >= done.unreachable.end_ns for start, _ in desk.covered())


# ── closed candles only ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_unfinished_candle_is_left_out_and_comes_when_it_has_closed(desk: Desk) -> None:
    await desk.fetch("2026-03-01")
    assert desk.opens()[-1] == LAST_CLOSED
    await desk.venue.advance(3_600_000)
    await desk.fetch("2026-03-01")
    assert desk.opens()[-1] == LAST_CLOSED + HOUR_NS


@pytest.mark.parametrize(("seconds", "there"), [(1, False), (2, True)])
async def test_a_candle_counts_as_closed_after_the_grace(desk: Desk, seconds: int, there: bool) -> None:
    desk.clock.advance_to(parse_time("2026-03-01T13:00") + seconds * SECOND_NS)
    await desk.fetch("2026-03-01")
    assert (desk.opens()[-1] == parse_time("2026-03-01T12:00")) is there


@pytest.mark.parametrize("skew_s", [3 * 3600, -3 * 3600])
async def test_a_candle_must_be_closed_by_both_clocks_and_their_difference_is_said(desk: Desk, skew_s: int) -> None:
    desk.venue.faults.add("skew", ms=skew_s * 1000)
    done = await desk.fetch("2026-03-01")
    assert desk.opens()[-1] == min(LAST_CLOSED, LAST_CLOSED + skew_s * SECOND_NS)
    assert f"{skew_s:+.1f} s" in done.notes()[-1]


async def test_a_time_that_is_none_is_refused(desk: Desk) -> None:
    desk.venue.faults.add("empty", path="*/time", body='{"serverTime": "soon"}')
    with pytest.raises(ExchangeUnavailable, match="expected the venue's time in milliseconds"):
        await desk.fetch("2026-03-01")


# ── gaps, revisions ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("at", [0, 1, 500, 998, 999, 1000])
async def test_missing_candles_are_marked_wherever_in_a_page_they_are(desk: Desk, at: int) -> None:
    since = ARCHIVE + 5 * HOUR_NS
    hole = [since + (at + n) * HOUR_NS for n in range(3)]
    desk.venue.faults.add("missing_candles", opens=[open_ns // MS_NS for open_ns in hole])
    done = await desk.fetch(since)
    assert desk.opens() == [open_ns for open_ns in hours(since) if open_ns not in hole]
    assert [(gap.start_ns, gap.bars) for gap in done.gaps] == [(hole[0], 3)]
    assert "3 candles are missing at the venue in 1 gaps" in done.notes()[0]
    if at:
        assert [(gap.start_ns, gap.bars) for gap in desk.store.gaps(done.key)] == [(hole[0], 3)]


async def test_a_page_without_any_candle_is_asked_for_twice_and_then_believed(desk: Desk) -> None:
    hole = [ARCHIVE + (1000 + n) * HOUR_NS for n in range(1000)]
    desk.venue.faults.add("missing_candles", opens=[open_ns // MS_NS for open_ns in hole])
    done = await desk.fetch(ARCHIVE)
    assert desk.asked().count(hole[0]) == 2
    assert done.missing == 1000
    desk.venue.requests.clear()
    await desk.fetch(ARCHIVE)
    assert hole[0] not in desk.asked()


async def test_a_late_candle_at_the_end_is_asked_for_again(desk: Desk) -> None:
    desk.venue.faults.add("missing_candles", opens=[LAST_CLOSED // MS_NS, (LAST_CLOSED - HOUR_NS) // MS_NS])
    done = await desk.fetch("2026-02-20", pace=Pace(again=0))
    assert done.missing == 2
    assert desk.covered()[-1][1] == LAST_CLOSED - HOUR_NS
    desk.venue.faults.clear()
    await desk.fetch("2026-02-20", pace=Pace(again=0))
    assert desk.opens() == hours(parse_time("2026-02-20"))


async def test_the_last_candles_are_asked_for_again_and_both_versions_of_a_revised_one_are_kept(desk: Desk) -> None:
    await desk.fetch("2026-02-20")
    before = desk.store.bars("binance", BTC, H1, as_of_ns=NOW, n=1).close[0]
    desk.venue.faults.add("revised_candles", opens=[LAST_CLOSED // MS_NS])
    await desk.venue.advance(60_000)
    done = await desk.fetch("2026-02-20")
    assert done.stored.revised == 1
    assert "1 candles were revised" in done.notes()[0]
    after = desk.store.bars("binance", BTC, H1, as_of_ns=NOW + DAY_NS, n=1).close[0]
    assert after == pytest.approx(before + 0.01)
    assert desk.store.bars("binance", BTC, H1, as_of_ns=NOW, n=1).close[0] == before


async def test_a_candle_that_was_served_before_it_had_settled_is_corrected_later(desk: Desk) -> None:
    desk.venue.faults.add("unsettled")
    await desk.fetch("2026-02-20")
    desk.venue.faults.clear()
    await desk.venue.advance(60_000)
    assert (await desk.fetch("2026-02-20")).stored.revised == 1


async def test_a_few_candles_that_cannot_be_are_left_out_and_named(desk: Desk) -> None:
    desk.venue.faults.add("junk_candles", opens=[(ARCHIVE + 5 * HOUR_NS) // MS_NS])
    done = await desk.fetch(ARCHIVE)
    assert done.broken == (ARCHIVE + 5 * HOUR_NS,)
    assert ARCHIVE + 5 * HOUR_NS not in desk.opens()
    assert any("1 candles have numbers that cannot be" in note for note in done.notes())


async def test_whoever_else_uses_the_client_gets_what_ccxt_always_gives(desk: Desk) -> None:
    await desk.fetch("2026-02-20")
    assert len(await desk.client.fetch_ohlcv(BTC, "1h", since=ARCHIVE // MS_NS, limit=10)) == 10


# ── a venue that fails ──────────────────────────────────────────────────────────────────────────────────────────────

FAILING = [
    {"fault": "hang"},
    {"fault": "silent"},
    {"fault": "cut"},
    {"fault": "status", "status": 503},
    {"fault": "status", "status": 404},
    {"fault": "too_many"},
    {"fault": "too_many", "retry_after": 3},
    {"fault": "banned", "retry_after": 3},
    {"fault": "html"},
    {"fault": "malformed"},
    {"fault": "empty"},
    {"fault": "empty", "body": "{}"},
    {"fault": "wrong_types"},
    {"fault": "truncated"},
    {"fault": "drip", "seconds": 5},
]


@pytest.mark.parametrize("rule", FAILING, ids=lambda rule: "-".join(map(str, rule.values())))
async def test_a_request_that_fails_is_made_again_and_nothing_is_lost(desk: Desk, rule: dict[str, Any]) -> None:
    # aiohttp asks again by itself, once, where a kept connection was cut.
    desk.venue.faults.set([{**rule, "path": "*/klines", "after": 1, "times": 8 if rule["fault"] == "cut" else 2}])
    desk.client.timeout = 300
    done = await desk.fetch(ARCHIVE)
    assert desk.opens() == hours(ARCHIVE)
    assert done.retries >= 1
    assert desk.naps.taken


@pytest.mark.parametrize("path", ["*/exchangeInfo", "*/time"])
@pytest.mark.parametrize("fault", ["html", "malformed", "wrong_types", "status", "hang"])
async def test_a_first_question_that_fails_is_asked_again(desk: Desk, path: str, fault: str) -> None:
    desk.venue.faults.add(fault, path=path, times=1)
    desk.client.timeout = 300
    assert (await desk.fetch("2026-03-01")).bars == 12


@pytest.mark.parametrize("fault", ["html", "junk_candles", "status"])
async def test_a_venue_that_goes_on_failing_is_given_up_and_what_came_before_is_kept(desk: Desk, fault: str) -> None:
    await desk.fetch(ARCHIVE, until="2025-12-13")
    there = desk.opens()
    desk.venue.faults.add(fault, **({} if fault == "junk_candles" else {"path": "*/klines"}))
    with pytest.raises(ExchangeUnavailable, match="6 tries failed, the last"):
        await desk.fetch(ARCHIVE)
    assert desk.opens() == there
    desk.venue.faults.clear()
    await desk.fetch(ARCHIVE)
    assert desk.opens() == hours(ARCHIVE)


async def test_pages_before_the_one_that_fails_are_stored_whole(desk: Desk) -> None:
    ask = desk.client.publicGetKlines

    async def failing(params: dict[str, Any]) -> Any:
        return "<html>" if params["startTime"] * MS_NS == ARCHIVE + 2000 * HOUR_NS else await ask(params)

    desk.client.publicGetKlines = failing
    with pytest.raises(ExchangeUnavailable, match="2026-01-23 08:00:00Z: 6 tries failed"):
        await desk.fetch(ARCHIVE)
    assert desk.opens() == hours(ARCHIVE, ARCHIVE + 1999 * HOUR_NS)
    assert desk.covered()[-1][1] == ARCHIVE + 2000 * HOUR_NS


PATHS = {"kraken": "*/OHLC", "bybit": "*/kline", "binance": "*/klines"}


@pytest.mark.parametrize("fault", ["html", "malformed", "empty", "{}", "wrong_types", "truncated", "status"])
@pytest.mark.parametrize("venue", ["kraken", "bybit", "unified"])
async def test_no_venue_makes_an_empty_history_of_an_answer_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, venue: str, fault: str
) -> None:
    if venue == "unified":
        monkeypatch.setattr("market.fetching.pages._KNOWN", {})
        venue = "binance"
    rule = {"fault": "empty", "body": "{}"} if fault == "{}" else {"fault": fault}
    async for desk in _desk(tmp_path, venue):
        desk.venue.faults.set([{**rule, "path": PATHS[venue], "times": 2}])
        done = await desk.fetch("2026-02-20")
        assert desk.opens() == hours(parse_time("2026-02-20"))
        assert (done.missing, done.unreachable) == (0, None)


async def test_ccxts_unified_reader_fetches_the_same_candles(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("market.fetching.pages._KNOWN", {})
    await desk.fetch(ARCHIVE)
    assert desk.opens() == hours(ARCHIVE)


async def test_an_empty_page_of_the_unified_reader_proves_nothing_and_is_asked_for_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("market.fetching.pages._KNOWN", {})
    desk.venue.faults.add("missing_candles", opens=[(ARCHIVE + n * HOUR_NS) // MS_NS for n in range(1000, 2000)])
    done = await desk.fetch(ARCHIVE)
    assert [(gap.start_ns, gap.bars) for gap in done.gaps] == [(ARCHIVE + 1000 * HOUR_NS, 1000)]
    desk.venue.faults.clear()
    await desk.fetch(ARCHIVE)
    assert desk.opens() == hours(ARCHIVE)


async def test_retry_after_is_kept_to(desk: Desk) -> None:
    desk.venue.faults.add("too_many", path="*/klines", nth=2, retry_after=17)
    await desk.fetch(ARCHIVE)
    assert max(desk.naps.taken) == pytest.approx(17, abs=0.1)


async def test_pauses_grow_and_are_never_the_same(desk: Desk) -> None:
    desk.venue.faults.add("status", path="*/klines", times=5)
    await desk.fetch("2026-03-01", pace=Pace(in_flight=1))
    first, *_, last = desk.naps.taken
    assert len(set(desk.naps.taken)) == 5
    assert 0.2 < first < 0.8
    assert 3.5 < last < 12.5


async def test_a_ban_without_an_end_is_waited_out(desk: Desk) -> None:
    desk.venue.faults.add("banned", path="*/klines", nth=1)
    await desk.fetch("2026-03-01")
    assert max(desk.naps.taken) == pytest.approx(120, abs=0.1)


async def test_a_ban_that_is_too_long_ends_the_fetch_with_a_clear_message(desk: Desk) -> None:
    desk.venue.faults.add("banned", path="*/klines", retry_after=7200)
    with pytest.raises(ExchangeUnavailable, match="asks to wait 7200 s; what was fetched is stored"):
        await desk.fetch(ARCHIVE)
    assert max(desk.naps.taken, default=0) < 300


async def test_what_cannot_get_better_is_not_tried_again(desk: Desk) -> None:
    desk.venue.faults.add("status", path="*/klines", status=400, body='{"code":-1121,"msg":"Invalid symbol."}')
    with pytest.raises(ConfigError, match="the venue refuses: BadSymbol"):
        await desk.fetch("2026-03-01", pace=Pace(in_flight=1))
    assert len(desk.asked()) == 1


# ── speed, progress, and the end of the process ─────────────────────────────────────────────────────────────────────


async def test_progress_tells_bars_rate_and_time_left(desk: Desk) -> None:
    await desk.fetch(ARCHIVE)
    assert [progress.rows for progress in desk.reported] == [1000, 2000, len(hours(ARCHIVE))]
    assert all(progress.expected == len(hours(ARCHIVE)) for progress in desk.reported)
    shown = Progress(BTC, H1, rows=500, expected=2000, elapsed_s=2.0)
    assert (shown.rate, shown.left_s) == (250.0, 6.0)
    assert Progress(BTC, H1, 0, 2000, 0.0).left_s is None


async def test_requests_stay_inside_the_limiters_bound(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    async with Emulator(clock=clock) as venue:
        client = reader("binance", endpoints={"rest": venue.base_url})
        try:
            backfill = Backfill(client, CandleStore(tmp_path), clock, pace=Pace(in_flight=12))
            loop = asyncio.get_running_loop()
            await client.load_markets()
            started = loop.time()
            done = await backfill.fetch(BTC, Timeframe.M1, since_ns=NOW - 12_000 * MINUTE_NS)
            elapsed = loop.time() - started
        finally:
            await client.close()
    # A page costs 0.4 units and the class refills one in 50 ms.
    assert done.bars == 12_000 - 1  # the last one closed this instant: not yet, says the grace
    assert elapsed > (done.requests - 2) * 0.020 * 0.9


async def test_a_fetch_that_is_cancelled_keeps_its_pages_and_is_resumed(desk: Desk) -> None:
    desk.venue.faults.add("drip", path="*/klines", after=4, seconds=30)
    desk.client.timeout = 60_000
    running = asyncio.ensure_future(desk.fetch("2025-07-01"))
    while len(desk.reported) < 2:
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    kept = len(desk.opens())
    assert kept >= 2000
    desk.venue.faults.clear()
    desk.venue.requests.clear()
    await desk.fetch("2025-07-01")
    assert desk.opens() == hours(parse_time("2025-07-01"))
    assert min(desk.asked()) >= parse_time("2025-07-01") + (kept - 5) * HOUR_NS


_CHILD = """
import asyncio, sys
from pathlib import Path
from core.time import ManualClock, Timeframe
from market.fetching.backfill import Backfill
from market.fetching.told import Pace
from market.store.candles import CandleStore
from market.venues import reader

async def main(url, folder, now, since):
    client = reader("binance", endpoints={"rest": url})
    backfill = Backfill(client, CandleStore(Path(folder)), ManualClock(int(now)), pace=Pace(write_s=0.2))
    await backfill.fetch("BTC/USDT", Timeframe.M1, since_ns=int(since))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_after_a_kill_the_same_command_goes_on_and_asks_only_for_what_is_missing(desk: Desk) -> None:
    since = NOW - 20_000 * MINUTE_NS
    key = BarsKey("binance", BTC, Timeframe.M1)
    # The venue stops answering after 10 pages, when the first have been written and the others have not.
    desk.venue.faults.add("hang", path="*/klines", after=10)
    arguments = map(str, (desk.venue.base_url, desk.folder, NOW, since))
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", _CHILD, *arguments)
    await _until(lambda: bool(desk.store.manifest(key).parts))
    child.send_signal(signal.SIGKILL)
    assert await child.wait() == -signal.SIGKILL
    kept = desk.store.manifest(key).rows
    assert 0 < kept < 20_000
    desk.venue.faults.clear()
    desk.venue.requests.clear()
    await desk.fetch(since, Timeframe.M1)
    assert desk.opens(Timeframe.M1) == list(range(since, NOW - MINUTE_NS, MINUTE_NS))
    assert len([seen for seen in desk.venue.requests if seen.path == KLINES]) <= 21 - kept // 1000


async def _until(done: Callable[[], bool]) -> None:
    for _ in range(6000):
        if done():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen in a minute")


def test_patience_has_sane_defaults() -> None:
    assert Patience().tries > 3
    assert Patience().most_s >= Patience().ban_s >= Patience().longest_s
