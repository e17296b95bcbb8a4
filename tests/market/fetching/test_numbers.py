"""Funding rates and open interest fetched with ccxt's own class: each once, checked, known no sooner than it was."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from core.errors import ConfigError, ExchangeUnavailable
from core.taint import Taint
from core.time import DAY_NS, HOUR_NS, MINUTE_NS, parse_time
from market.fetching.numbers import FUNDING_RATES, OPEN_INTEREST, NumberFetch, Numbers
from market.fetching.ranges import MS_NS, Range
from market.fetching.told import Brought, Pace
from market.sources.items import Reading
from market.sources.lags import lag_of
from market.store.series import SeriesStore
from tests.market.fetching.standing import BTC, FAILING, NOW, PERP, Naps, Standing, standing

FUNDING, INTEREST = "/fapi/v1/fundingRate", "/futures/data/openInterestHist"
SINCE = parse_time("2025-11-01")
STEP = 8 * HOUR_NS
LAST = parse_time("2026-03-01T08:00")


@pytest_asyncio.fixture
async def at() -> AsyncIterator[Standing]:
    async with standing() as found:
        yield found


@pytest.fixture
def store(tmp_path: Path) -> SeriesStore:
    return SeriesStore(tmp_path)


async def fetch(
    at: Standing,
    store: SeriesStore,
    since: int | str = SINCE,
    *,
    numbers: Numbers = FUNDING_RATES,
    until: str | None = None,
    symbol: str = PERP,
    pace: Pace | None = None,
) -> Brought:
    naps = Naps()
    fetching = NumberFetch(at.client, store, at.clock, numbers, pace=pace, sleep=naps.sleep, now_s=naps.now)
    since_ns = parse_time(since) if isinstance(since, str) else since
    return await fetching.fetch(symbol, since_ns=since_ns, until_ns=None if until is None else parse_time(until))


def stored(store: SeriesStore, name: str = "funding_rate", as_of_ns: int = NOW + DAY_NS) -> tuple[Reading, ...]:
    return store.series(name, PERP, as_of_ns=as_of_ns, n=10_000)


def events(store: SeriesStore, name: str = "funding_rate") -> list[int]:
    return [reading.event_ns for reading in stored(store, name)]


def settled(since_ns: int = SINCE, last_ns: int = LAST) -> list[int]:
    return list(range(-(-since_ns // STEP) * STEP, last_ns + 1, STEP))


# ── what is asked for ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_spot_symbol_has_no_funding_and_is_refused(at: Standing, store: SeriesStore) -> None:
    with pytest.raises(
        ConfigError, match="BTC/USDT is no perpetual and has no funding; say one, such as BTC/USDT:USDT"
    ):
        await fetch(at, store, symbol=BTC)


async def test_a_venue_without_the_call_is_refused_with_what_it_has(store: SeriesStore) -> None:
    async with standing("kraken") as at:
        with pytest.raises(ConfigError, match=r"kraken serves no funding .* it serves candles, trades"):
            await fetch(at, store)
        assert not at.venue.requests


async def test_a_range_in_the_future_is_empty_and_asks_for_nothing(at: Standing, store: SeriesStore) -> None:
    assert (await fetch(at, store, "2026-04-01")).rows == 0
    assert at.asked(FUNDING) == []


async def test_since_is_included_and_until_is_not(at: Standing, store: SeriesStore) -> None:
    await fetch(at, store, "2026-02-01T08:00", until="2026-02-02T08:00")
    assert events(store) == [parse_time(f"2026-02-{day}") for day in ("01T08:00", "01T16:00", "02T00:00")]


# ── pages ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_every_rate_is_there_once_and_no_page_can_be_cut(at: Standing, store: SeriesStore) -> None:
    done = await fetch(at, store)
    assert events(store) == settled()
    assert (done.rows, done.new, done.holes, done.repeated, done.retries, done.notes()) == (362, 362, (), 0, 0, [])
    spans = [(int(asked["startTime"]), int(asked["endTime"])) for asked in at.asked(FUNDING)]
    assert max(end - start for start, end in spans) < 999 * HOUR_NS // MS_NS
    assert [end + 1 for _, end in spans[:-1]] == [start for start, _ in spans[1:]]


@pytest.mark.parametrize("cut", [1, 7, 50])
@pytest.mark.parametrize("newest", [True, False])
async def test_an_answer_that_was_cut_on_either_side_is_filled(
    at: Standing, store: SeriesStore, monkeypatch: pytest.MonkeyPatch, cut: int, newest: bool
) -> None:
    get = at.client.fapiPublicGetFundingRate

    async def cutting(params: dict[str, Any]) -> Any:
        rows = await get(params)
        return rows[-cut:] if newest else rows[:cut]

    monkeypatch.setattr(at.client, "fapiPublicGetFundingRate", cutting)
    since = SINCE if cut > 10 else parse_time("2026-02-10")
    done = await fetch(at, store, since)
    assert events(store) == settled(since)
    assert done.holes == ()


async def test_what_the_venue_says_is_what_is_stored(at: Standing, store: SeriesStore) -> None:
    await fetch(at, store, "2026-02-01T08:00", until="2026-02-01T09:00")
    start = parse_time("2026-02-01T08:00")
    [raw] = await at.client.fapiPublicGetFundingRate({"symbol": "BTCUSDT", "startTime": start // MS_NS, "limit": 1})
    [found] = stored(store)
    stamp = int(raw["fundingTime"]) * MS_NS
    assert stamp > start, "the stamp is some milliseconds late"
    known = stamp + lag_of("funding_rate").lag_ns
    rate = Decimal(raw["fundingRate"])
    assert found == Reading("funding_rate", PERP, "binance", start, known, rate, "fraction", taint=Taint.TRUSTED)


async def test_a_row_that_comes_twice_is_stored_once_and_with_two_values_never(
    at: Standing, store: SeriesStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    get, rate = at.client.fapiPublicGetFundingRate, {"fundingRate": None}

    async def doubling(params: dict[str, Any]) -> Any:
        rows = await get(params)
        return [*rows, {**rows[-1], **{key: value for key, value in rate.items() if value is not None}}]

    monkeypatch.setattr(at.client, "fapiPublicGetFundingRate", doubling)
    done = await fetch(at, store, "2026-02-20")
    assert events(store) == settled(parse_time("2026-02-20"))
    assert done.repeated == 1
    rate["fundingRate"] = "0.5"  # type: ignore[assignment]
    with pytest.raises(ExchangeUnavailable, match="is there twice with other numbers"):
        await fetch(at, store, "2026-01-01", until="2026-02-01")


async def test_a_hole_at_the_venue_is_looked_at_twice_and_then_said(
    at: Standing, store: SeriesStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    get, gone = at.client.fapiPublicGetFundingRate, range(parse_time("2026-01-10"), parse_time("2026-01-12"))

    async def holed(params: dict[str, Any]) -> Any:
        return [row for row in await get(params) if int(row["fundingTime"]) * MS_NS not in gone]

    monkeypatch.setattr(at.client, "fapiPublicGetFundingRate", holed)
    done = await fetch(at, store)
    assert events(store) == [event for event in settled() if event not in gone]
    assert [(hole.start_ns, hole.end_ns) for hole in done.holes] == [(gone[0] - STEP + 1, gone[-1] + 1)]
    assert "nothing is there in 1 stretches, the longest from 2026-01-09" in done.notes()[0]
    monkeypatch.undo()
    done = await fetch(at, store, "2026-01-08", until="2026-01-14")
    assert done.requests <= 2, "what was asked for is not asked for again"


# ── open interest ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_open_interest_comes_for_a_month_and_the_rest_is_said_to_be_unreachable(
    at: Standing, store: SeriesStore
) -> None:
    done = await fetch(at, store, numbers=OPEN_INTEREST)
    oldest = NOW - 30 * DAY_NS + HOUR_NS
    first = -(-oldest // HOUR_NS) * HOUR_NS
    for name in ("open_interest", "open_interest_value"):
        assert events(store, name) == list(range(first, parse_time("2026-03-01T12:00") + 1, HOUR_NS))
    assert done.unreachable == Range(SINCE, oldest)
    assert "the venue shows nothing from 2025-11-01 00:00:00Z to 2026-01-30 13:20:00Z" in done.notes()[0]
    assert done.retries == 0


async def test_open_interest_is_in_base_and_in_dollars_and_known_an_hour_later(
    at: Standing, store: SeriesStore
) -> None:
    await fetch(at, store, "2026-02-20", until="2026-02-20T01:00", numbers=OPEN_INTEREST)
    start = parse_time("2026-02-20")
    asked = {"symbol": "BTCUSDT", "period": "1h", "startTime": start // MS_NS, "endTime": start // MS_NS}
    [raw] = await at.client.fapiDataGetOpenInterestHist(asked)
    [held], [worth] = stored(store, "open_interest"), stored(store, "open_interest_value")
    assert (held.value, held.unit) == (Decimal(raw["sumOpenInterest"]), "BTC")
    assert (worth.value, worth.unit) == (Decimal(raw["sumOpenInterestValue"]), "USD")
    assert held.known_at_ns == worth.known_at_ns == start + lag_of("open_interest").lag_ns > start


# ── again, later, and after a kill ──────────────────────────────────────────────────────────────────────────────────


async def test_the_same_fetch_again_asks_for_the_last_rows_alone(at: Standing, store: SeriesStore) -> None:
    await fetch(at, store)
    at.venue.requests.clear()
    done = await fetch(at, store)
    assert (done.new, done.revised, done.unchanged) == (0, 0, Pace().again)
    assert len(at.asked(FUNDING)) == 1


async def test_what_came_since_is_added_and_was_known_when_it_was_settled(at: Standing, store: SeriesStore) -> None:
    await fetch(at, store)
    at.clock.advance_to(NOW + 4 * HOUR_NS)
    assert (await fetch(at, store)).new == 1
    assert events(store) == settled(last_ns=LAST + STEP)
    assert stored(store)[-1].known_at_ns < LAST + STEP + HOUR_NS


async def test_a_value_that_the_venue_revised_is_a_second_version_known_since_it_was_seen(
    at: Standing, store: SeriesStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fetch(at, store, "2026-02-20")
    first = stored(store)[-1]
    get = at.client.fapiPublicGetFundingRate

    async def revising(params: dict[str, Any]) -> Any:
        return [{**row, "fundingRate": "0.00700000"} for row in await get(params)]

    monkeypatch.setattr(at.client, "fapiPublicGetFundingRate", revising)
    at.clock.advance_to(NOW + MINUTE_NS)
    seen = at.clock.now_ns()
    done = await fetch(at, store, "2026-02-20")
    assert (done.new, done.revised) == (0, Pace().again)
    assert stored(store, as_of_ns=seen - 1)[-1] == first
    assert (stored(store, as_of_ns=seen)[-1].value, stored(store, as_of_ns=seen)[-1].known_at_ns) == (
        Decimal("0.007"),
        seen,
    )
    again = await fetch(at, store, "2026-02-20")
    assert (again.new, again.revised, again.unchanged) == (0, 0, Pace().again)
    assert stored(store, as_of_ns=seen - 1)[-1] == first


async def test_a_value_that_was_missing_when_it_was_asked_for_is_known_since_it_came(
    at: Standing, store: SeriesStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    get, late = at.client.fapiPublicGetFundingRate, LAST - 2 * STEP

    async def without(params: dict[str, Any]) -> Any:
        return [row for row in await get(params) if abs(int(row["fundingTime"]) * MS_NS - late) > HOUR_NS]

    monkeypatch.setattr(at.client, "fapiPublicGetFundingRate", without)
    await fetch(at, store, "2026-02-20")
    monkeypatch.undo()
    assert (await fetch(at, store, "2026-02-20")).new == 1
    [found] = [reading for reading in stored(store) if reading.event_ns == late]
    assert found.known_at_ns == NOW


async def test_an_empty_answer_proves_nothing_and_the_range_is_asked_for_again(
    at: Standing, store: SeriesStore
) -> None:
    at.venue.faults.add("empty", path="*/fundingRate", body="[]", times=2)
    await fetch(at, store, pace=Pace(in_flight=1))
    assert events(store)[0] > SINCE + 30 * DAY_NS
    await fetch(at, store)
    assert events(store) == settled()


# ── a venue that fails ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("numbers", [FUNDING_RATES, OPEN_INTEREST], ids=lambda numbers: numbers.kind)
@pytest.mark.parametrize("rule", FAILING, ids=lambda rule: "-".join(map(str, rule.values())))
async def test_a_request_that_fails_is_made_again_and_nothing_is_lost(
    at: Standing, store: SeriesStore, rule: dict[str, Any], numbers: Numbers
) -> None:
    path = "*/fundingRate" if numbers is FUNDING_RATES else "*/openInterestHist"
    at.venue.faults.set([{**rule, "path": path, "times": 6 if rule["fault"] == "cut" else 1}])
    at.client.timeout = 300
    since = parse_time("2026-02-03")
    done = await fetch(at, store, since, numbers=numbers)
    wanted = settled(since) if numbers is FUNDING_RATES else list(range(since, NOW, HOUR_NS))
    assert events(store, numbers.series[0]) == wanted
    assert done.holes == ()


async def test_a_venue_that_goes_on_failing_is_given_up_and_what_came_before_is_kept(
    at: Standing, store: SeriesStore
) -> None:
    at.venue.faults.add("html", path="*/fundingRate", after=2)
    with pytest.raises(ExchangeUnavailable, match="6 tries failed, the last"):
        await fetch(at, store, pace=Pace(in_flight=1))
    kept = events(store)
    assert kept == settled()[: len(kept)]
    assert kept
    at.venue.faults.clear()
    at.venue.requests.clear()
    await fetch(at, store)
    assert events(store) == settled()
    assert int(at.asked(FUNDING)[0]["startTime"]) * MS_NS > SINCE + 30 * DAY_NS


async def test_a_rate_that_is_no_number_is_junk(
    at: Standing, store: SeriesStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def junk(params: dict[str, Any]) -> Any:
        return [{"symbol": "BTCUSDT", "fundingTime": SINCE // MS_NS, "fundingRate": "soon"}]

    monkeypatch.setattr(at.client, "fapiPublicGetFundingRate", junk)
    with pytest.raises(ExchangeUnavailable, match="6 tries failed"):
        await fetch(at, store, until="2025-11-02")
    assert store.held() == []
