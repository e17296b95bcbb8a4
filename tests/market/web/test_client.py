import asyncio
import gzip
import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import vcr
from aiohttp import web as aio

from core.time import SECOND_NS
from market.web import Unavailable, Unwilling
from market.web.kept import Kept
from market.web.patience import retry_at_ns
from tests.market.web.clocks import NOON, Patience, web_of
from tests.market.web.server import Server, json, text

SECRET = "s3cr3t-k3y-4711"


async def cut(request: aio.Request) -> aio.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return aio.Response()


async def test_numbers_of_an_answer_stay_exact() -> None:
    async with Server() as server, web_of() as web:
        server.says("/", text('{"price": 0.1234567890123456789}', "application/json"))
        assert str((await web.get(server.base + "/", what="prices")).table()["price"]) == "0.1234567890123456789"


async def test_a_failing_server_is_asked_again_and_then_given_up() -> None:
    patience = Patience()
    async with Server() as server, web_of(patience, attempts=3) as web:
        server.says("/", json({}, status=500))
        with pytest.raises(Unavailable, match=r"prices: 127\.0\.0\.1 answered 500"):
            await web.get(server.base + "/", what="prices")
        assert len(server.seen) == 3
        assert 0.5 <= patience.slept[0] <= 1.0
        assert 1.0 <= patience.slept[1] <= 2.0
        assert (web.counts.retries, web.counts.failures) == (2, 3)


async def test_a_server_that_recovers_is_believed() -> None:
    async with Server() as server, web_of() as web:
        server.says("/", json({}, status=503), json({"ok": 1}))
        assert (await web.get(server.base + "/", what="prices")).table() == {"ok": 1}


async def test_retry_after_is_kept_to_the_second() -> None:
    patience = Patience()
    async with Server() as server, web_of(patience) as web:
        server.says("/", json({}, status=429, retry_after="17"), json({"ok": 1}))
        await web.get(server.base + "/", what="prices")
        assert sum(patience.slept) == pytest.approx(17)
        assert web.counts.throttled == 1


async def test_a_host_that_closes_for_an_hour_is_left_alone_and_says_when_to_come_back() -> None:
    patience = Patience()
    async with Server() as server, web_of(patience) as web:
        server.says("/", json({}, status=429, retry_after="3600"))
        with pytest.raises(Unavailable, match="asks for patience") as first:
            await web.get(server.base + "/", what="prices")
        assert first.value.retry_at_ns == NOON + 3600 * SECOND_NS
        with pytest.raises(Unavailable, match="asked for patience"):
            await web.get(server.base + "/other", what="prices")
        assert len(server.seen) == 1
        assert patience.slept == []


async def test_a_429_without_retry_after_backs_off() -> None:
    patience = Patience()
    async with Server() as server, web_of(patience, attempts=2) as web:
        server.says("/", json({}, status=429))
        with pytest.raises(Unavailable):
            await web.get(server.base + "/", what="prices")
        assert len(patience.slept) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_a_refusal_is_final_and_says_its_status(status: int) -> None:
    async with Server() as server, web_of() as web:
        server.says("/", json({"error": "no"}, status=status))
        with pytest.raises(Unwilling) as refused:
            await web.get(server.base + "/", what="prices")
        assert refused.value.status == status
        assert b"error" in refused.value.content
        assert len(server.seen) == 1


async def test_a_cut_connection_is_unavailable_and_counted() -> None:
    async with Server({"/": cut}) as server, web_of(attempts=1) as web:
        with pytest.raises(Unavailable, match="failed with RemoteProtocolError"):
            await web.get(server.base + "/", what="prices")
        assert web.counts.failures == 1


async def test_a_server_that_never_answers_times_out() -> None:
    async def hang(_: aio.Request) -> aio.StreamResponse:
        await asyncio.sleep(5)
        return aio.Response()

    async with Server({"/": hang}) as server, web_of(attempts=1, timeout_s=0.3) as web:
        with pytest.raises(Unavailable, match=r"(Read|Connect)Timeout"):
            await web.get(server.base + "/", what="prices")


async def test_a_drip_is_cut_off_by_the_total_time() -> None:
    async def drip(request: aio.Request) -> aio.StreamResponse:
        response = aio.StreamResponse(headers={"content-type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.02)

    async with Server({"/": drip}) as server, web_of(attempts=1, total_s=0.2) as web:
        with pytest.raises(Unavailable, match=r"more than 0\.2 s"):
            await web.get(server.base + "/", what="prices")


async def test_what_has_not_changed_is_not_sent_again() -> None:
    async def page(request: aio.Request) -> aio.StreamResponse:
        if request.headers.get("If-None-Match") == '"v1"':
            return aio.Response(status=304)
        return aio.json_response({"v": 1}, headers={"etag": '"v1"'})

    async with Server({"/": page}) as server, web_of() as web:
        first = await web.get(server.base + "/", what="prices")
        second = await web.get(server.base + "/", what="prices")
        assert (first.unchanged, second.unchanged) == (False, True)
        assert second.table() == {"v": 1}
        assert web.counts.unchanged == 1


async def test_of_answers_with_validators_only_so_many_bytes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("market.web.client.Kept", lambda: Kept(250))

    async def page(request: aio.Request) -> aio.StreamResponse:
        if "If-None-Match" in request.headers:
            return aio.Response(status=304)
        return aio.json_response("x" * int(request.query["size"]), headers={"etag": '"v1"'})

    async with Server({"/a": page, "/b": page, "/c": page, "/huge": page}) as server, web_of() as web:
        for path, size in (("/a", 98), ("/b", 98), ("/b", 98), ("/c", 98), ("/huge", 298)):
            await web.get(server.base + path, what="prices", params={"size": size})
        again = [await web.get(server.base + p, what="prices", params={"size": 98}) for p in ("/b", "/c", "/a")]
        assert [answer.unchanged for answer in again] == [True, True, False]
        assert not (await web.get(server.base + "/huge", what="prices", params={"size": 298})).unchanged


async def test_a_large_answer_is_refused_by_its_stated_and_by_its_real_size() -> None:
    async def endless(request: aio.Request) -> aio.StreamResponse:
        response = aio.StreamResponse(headers={"content-type": "application/json"})
        await response.prepare(request)
        for _ in range(100):
            await response.write(b" " * 1000)
        return response

    async with Server({"/endless": endless}) as server, web_of(max_bytes=2_000) as web:
        server.says("/stated", text(" " * 3_000, "application/json"))
        for path in ("/stated", "/endless"):
            with pytest.raises(Unwilling, match="larger than 2000 bytes"):
                await web.get(server.base + path, what="prices")
        assert web.counts.too_large == 2


async def test_a_compressed_bomb_is_measured_as_it_unpacks() -> None:
    bomb = gzip.compress(b" " * 1_000_000)
    async with Server() as server, web_of(max_bytes=10_000) as web:
        server.says("/", text(bomb, "application/json", content_encoding="gzip"))
        with pytest.raises(Unwilling, match="larger than 10000 bytes"):
            await web.get(server.base + "/", what="prices")


async def test_a_web_page_where_data_was_expected_is_refused() -> None:
    async with Server() as server, web_of() as web:
        server.says("/", text("<html>maintenance</html>", "text/html"))
        with pytest.raises(Unwilling, match="is text/html; allowed are application/json"):
            await web.get(server.base + "/", what="prices")
        assert web.counts.wrong_types == 1


@pytest.mark.parametrize("body", ['{"a": ', "", "NaN", "<html>", "[" * 100_000])
async def test_half_an_answer_is_unavailable_not_a_crash(body: str) -> None:
    async with Server() as server, web_of() as web:
        server.says("/", text(body, "application/json"))
        answer = await web.get(server.base + "/", what="prices")
        with pytest.raises(Unavailable, match="no JSON"):
            answer.json()


async def test_an_array_is_no_object_and_an_object_no_array() -> None:
    async with Server() as server, web_of() as web:
        server.says("/array", json([1]))
        server.says("/object", json({}))
        with pytest.raises(Unavailable, match="answered an array, expected a JSON object"):
            (await web.get(server.base + "/array", what="prices")).table()
        with pytest.raises(Unavailable, match="answered an object, expected a JSON array"):
            (await web.get(server.base + "/object", what="prices")).rows()


async def test_redirects_are_followed_and_bounded() -> None:
    async with Server() as server, web_of(max_redirects=2) as web:
        server.says("/a", text("", status=301, location="/b"))
        server.says("/b", text("", status=302, location=server.base + "/c"))
        server.says("/c", json({"here": 1}))
        server.says("/loop", text("", status=302, location="/loop"))
        assert (await web.get(server.base + "/a", what="prices")).url == server.base + "/c"
        with pytest.raises(Unwilling, match="more than 2 times"):
            await web.get(server.base + "/loop", what="prices")


async def test_a_key_does_not_follow_a_redirect_to_another_host() -> None:
    async with Server() as server, Server() as thief, web_of() as web:
        server.says("/", text("", status=307, location=thief.base + "/"))
        with pytest.raises(Unwilling, match="sends its key or question on"):
            await web.get(server.base + "/", what="prices", headers={"x-api-key": SECRET})
        assert thief.seen == []


@pytest.mark.parametrize(
    "url", ["ftp://example.org/x", "file:///etc/passwd", "http://user:pw@example.org/", "http://", "x"]
)
async def test_what_is_no_web_address_is_refused(url: str) -> None:
    async with web_of() as web:
        with pytest.raises(Unwilling):
            await web.get(url, what="a page")


async def test_a_key_in_a_query_or_a_path_stands_in_no_error_and_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    async with Server({"/cut": cut}) as server, web_of(attempts=1, max_bytes=10) as web:
        server.says(f"/{SECRET}", json({}, status=401))
        server.says("/500", json({}, status=500))
        server.says("/html", text("<html>", "text/html"))
        server.says("/large", json({"a": "b" * 100}))
        server.says("/away", text("", status=302, location="http://10.0.0.1/"))
        server.says("/ok", json({}))
        for path in (SECRET, "500", "html", "large", "cut", "away", "ok"):
            try:
                await web.get(f"{server.base}/{path}", what="prices", params={"auth_token": SECRET})
            except (Unavailable, Unwilling) as error:
                told += [str(error), repr(error), repr(error.__cause__), repr(error.__context__)]
    assert len(told) == 4 * 6
    assert "HTTP Request" in caplog.text
    assert not [line for line in [*told, caplog.text] if SECRET in line]


async def test_requests_of_one_host_keep_to_its_budget() -> None:
    patience = Patience()
    async with Server() as server, web_of(patience, per_minute=60, burst=2) as web:
        server.says("/", json({}))
        for _ in range(5):
            await web.get(server.base + "/", what="prices")
        assert sum(patience.slept) == pytest.approx(3)
        assert web.counts.waited_ms == 3_000


async def test_a_recorded_answer_is_replayed_by_the_real_client(tmp_path: Path) -> None:
    cassette = str(tmp_path / "prices.yaml")
    async with Server() as server, web_of() as web:
        server.says("/", json({"price": "1"}))
        with vcr.use_cassette(cassette, record_mode="once"):
            recorded = await web.get(server.base + "/", what="prices")
        server.says("/", json({"price": "2"}))
        with vcr.use_cassette(cassette, record_mode="none") as tape:
            replayed = await web.get(server.base + "/", what="prices")
        assert recorded.content == replayed.content
        assert tape.play_count == 1
        assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "30"}, 30),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "9" * 30}, 30 * 86_400),
        ({"x-rate-limit-reset": str(NOON // SECOND_NS + 900)}, 900),
        ({"x-ratelimit-reset": "272"}, 272),
        ({"x-ratelimit-reset": "x"}, None),
        ({"x-rate-limit-reset": "1500000000"}, 0),
    ],
)
def test_every_way_to_say_later_is_understood(headers: dict[str, str], seconds: int | None) -> None:
    found = retry_at_ns(headers, NOON)
    assert found == (None if seconds is None else NOON + seconds * SECOND_NS)


def test_retry_after_may_be_a_date() -> None:
    later = datetime(2024, 3, 5, 12, 0, 40, tzinfo=UTC)
    assert retry_at_ns({"retry-after": format_datetime(later, usegmt=True)}, NOON) == NOON + 40 * SECOND_NS
    assert retry_at_ns({"retry-after": format_datetime(later - timedelta(days=1), usegmt=True)}, NOON) == NOON


class Turns(Patience):
    """A clock that stands still, and a sleep that takes real time: a fiftieth of what was asked for."""

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(seconds / 50)


async def test_waiting_for_a_turn_is_not_being_slow() -> None:
    patience = Turns()
    async with Server() as server, web_of(patience, attempts=1, total_s=1, per_minute=1, burst=1) as web:
        server.says("/", json({"ok": 1}))
        await web.get(server.base + "/", what="prices")
        # A turn of 60 s that takes 1.2 s here: longer than an answer may take.
        await web.get(server.base + "/", what="prices")
        assert patience.slept == [60.0]
        assert (web.counts.answers, web.counts.failures) == (2, 0)


async def test_a_turn_that_is_just_not_too_far_away_is_waited_for_and_the_next_is_not() -> None:
    patience = Turns()
    async with Server() as server, web_of(patience, attempts=1, per_minute=60, burst=1, longest_turn_s=2) as web:
        server.says("/", json({"ok": 1}))
        for _ in range(3):
            await web.get(server.base + "/", what="prices")
        assert patience.slept == [1.0, 2.0]
        with pytest.raises(
            Unavailable, match=r"prices: its turn at 127\.0\.0\.1 comes in 3 s, allowed are 2 s"
        ) as away:
            await web.get(server.base + "/", what="prices")
        assert away.value.retry_at_ns == NOON + 3 * SECOND_NS
        assert (web.counts.turned_away, web.counts.failures, len(server.seen)) == (1, 0, 3)
        # And it took no turn: who comes a second later finds the one that it would have had.
        patience.clock.advance_to(NOON + SECOND_NS)
        await web.get(server.base + "/", what="prices")
        assert patience.slept[-1] == 2.0


async def test_the_time_for_an_answer_is_shared_by_all_its_redirects() -> None:
    async def slow(request: aio.Request) -> aio.StreamResponse:
        await asyncio.sleep(0.15)
        raise aio.HTTPFound("/")

    async with Server({"/": slow}) as server, web_of(attempts=1, total_s=0.4, max_redirects=50) as web:
        with pytest.raises(Unavailable, match=r"prices: 127\.0\.0\.1 took more than 0\.4 s to answer"):
            await web.get(server.base + "/", what="prices")
        assert web.counts.redirects <= 2
