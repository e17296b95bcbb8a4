import pytest
import vcr
from aiohttp import web as aio

from core.time import DAY_NS, HOUR_NS, SECOND_NS
from market.sources.fields import iso
from market.sources.news import CryptoPanic, NewsApi
from market.web import Unavailable, Unwilling
from tests.market.sources.desk import KEYS, NOON, Patience, Server, context_of, web_of
from tests.market.web.server import json, text

POSTS, EVERYTHING = "/cryptopanic/posts/", "/newsapi/everything"


def post(number: int, hours: int = 1, **more: object) -> dict[str, object]:
    return {
        "id": number,
        "title": f"Bitcoin story {number}",
        "published_at": iso(NOON - hours * HOUR_NS),
        "instruments": [{"code": "BTC"}],
        "original_url": f"https://x.example/{number}",
        **more,
    }


def article(number: int, **more: object) -> dict[str, object]:
    return {
        "source": {"id": None, "name": "x"},
        "title": f"Bitcoin article {number}",
        "description": "short",
        "content": "longer… [+100 chars]",
        "url": f"https://x.example/{number}",
        "publishedAt": iso(NOON - HOUR_NS),
        **more,
    }


async def test_cryptopanic_pages_until_the_last_page() -> None:
    patience = Patience()
    async with Server() as server, web_of(patience) as web:
        later = f"{server.base}{POSTS}?auth_token={KEYS['CRYPTOPANIC_TOKEN']}&page=2"
        server.says(
            POSTS, json({"next": later, "results": [post(1), post(2)]}), json({"next": None, "results": [post(3, 2)]})
        )
        batch = await CryptoPanic(context_of(server, web, patience)).poll(0)
        assert [found.native_id for found in batch.texts] == ["1", "2", "3"]
        assert (batch.texts[0].assets, batch.texts[0].event_ns) == (("BTC",), NOON - HOUR_NS)
        assert server.seen[0].query["auth_token"] == KEYS["CRYPTOPANIC_TOKEN"]
        assert server.seen[1].query["page"] == "2"


async def test_cryptopanic_stops_where_the_last_poll_ended_and_counts_pages_that_it_left() -> None:
    patience = Patience()
    async with Server() as server, web_of(patience) as web:
        source = CryptoPanic(context_of(server, web, patience))
        server.says(POSTS, json({"next": f"{server.base}{POSTS}?page=2", "results": [post(1, 1), post(2, 5)]}))
        assert (await source.poll(NOON - 3 * HOUR_NS)).counts == {}
        assert len(server.seen) == 1
        assert (await source.poll(0)).counts == {"pages left": 1}


async def test_a_next_page_at_another_host_is_not_followed() -> None:
    patience = Patience()
    async with Server() as server, Server() as thief, web_of(patience) as web:
        server.says(POSTS, json({"next": f"{thief.base}{POSTS}?page=2", "results": [post(1)]}))
        await CryptoPanic(context_of(server, web, patience)).poll(0)
        assert thief.seen == []


async def test_posts_of_the_wrong_shape_are_left_out_and_counted() -> None:
    patience = Patience()
    async with Server() as server, web_of(patience) as web:
        odd = [
            post(1),
            {"id": None, "title": "x"},
            {"id": 2, "title": 7},
            post(3, published_at=12.5, instruments="BTC"),
            "x",
            None,
        ]
        server.says(POSTS, json({"next": 5, "results": odd}))
        batch = await CryptoPanic(context_of(server, web, patience)).poll(0)
        assert [(found.native_id, found.assets) for found in batch.texts] == [("1", ("BTC",)), ("3", ())]
        assert batch.counts == {"unreadable": 2}


@pytest.mark.parametrize(
    ("status", "body", "error", "says"),
    [
        (
            401,
            {"status": "Incomplete", "info": "Token not found"},
            Unwilling,
            r"does not accept the key \(401\): Token not found",
        ),
        (
            403,
            {"status": "api_error", "info": "API monthly quota exceeded"},
            Unavailable,
            "quota is spent .*monthly quota",
        ),
        (403, {"status": "api_error", "info": "Plan has no access"}, Unwilling, "does not accept the key"),
        (429, {"status": "api_error", "info": "Rate limit exceeded"}, Unavailable, "asks for patience"),
        (500, {}, Unavailable, "answered 500"),
        (200, {"status": "api_error", "info": "sorry"}, Unavailable, "without results: sorry"),
        (200, [], Unavailable, "an array"),
    ],
)
async def test_each_refusal_of_cryptopanic_is_told_in_its_own_words(
    status: int, body: object, error: type[Exception], says: str
) -> None:
    patience = Patience()
    async with Server() as server, web_of(patience, attempts=1) as web:
        server.says(POSTS, json(body, status=status))
        with pytest.raises(error, match=says) as refused:
            await CryptoPanic(context_of(server, web, patience)).poll(0)
        assert KEYS["CRYPTOPANIC_TOKEN"] not in str(refused.value)


async def test_newsapi_sends_its_key_in_a_header_and_pages_by_number() -> None:
    patience = Patience()
    pages = {
        "1": {"status": "ok", "totalResults": 3, "articles": [article(1), article(2)]},
        "2": {"status": "ok", "totalResults": 3, "articles": [article(3)]},
    }

    async def everything(request: aio.Request) -> aio.StreamResponse:
        return aio.json_response(pages[request.query["page"]])

    async with Server({EVERYTHING: everything}) as server, web_of(patience) as web:
        batch = await NewsApi(context_of(server, web, patience)).poll(NOON - HOUR_NS)
        assert [found.native_id for found in batch.texts] == [f"https://x.example/{n}" for n in (1, 2, 3)]
        assert server.seen[0].headers["x-api-key"] == KEYS["NEWSAPI_KEY"]
        assert KEYS["NEWSAPI_KEY"] not in str(server.seen[0].query)
        assert server.seen[0].query["from"] == iso(NOON - HOUR_NS)


async def test_newsapi_asks_for_no_more_than_its_plan_pays_out() -> None:
    patience = Patience()
    async with Server() as server, web_of(patience) as web:
        server.says(
            EVERYTHING, json({"status": "ok", "totalResults": 900, "articles": [article(n) for n in range(100)]})
        )
        batch = await NewsApi(context_of(server, web, patience)).poll(0)
        assert (len(batch.texts), batch.counts, len(server.seen)) == (100, {"pages left": 1}, 1)
        assert server.seen[0].query["from"] == iso(NOON - 29 * DAY_NS)


async def test_articles_that_their_publisher_removed_are_counted() -> None:
    patience = Patience()
    async with Server() as server, web_of(patience) as web:
        gone = article(2, title="[Removed]", url="https://removed.com", description="[Removed]")
        server.says(
            EVERYTHING, json({"status": "ok", "totalResults": 3, "articles": [article(1), gone, {"title": None}]})
        )
        batch = await NewsApi(context_of(server, web, patience)).poll(0)
        assert len(batch.texts) == 1
        assert batch.counts["removed"] == 1


@pytest.mark.parametrize(
    ("status", "code", "error", "says"),
    [
        (401, "apiKeyInvalid", Unwilling, "NewsAPI does not accept the key"),
        (426, "maximumResultsReached", Unwilling, "NewsAPI refused"),
        (429, "rateLimited", Unavailable, "patience"),
        (200, "unexpectedError", Unavailable, "NewsAPI: unexpectedError happened"),
    ],
)
async def test_each_refusal_of_newsapi_is_told(status: int, code: str, error: type[Exception], says: str) -> None:
    patience = Patience()
    async with Server() as server, web_of(patience, attempts=1) as web:
        server.says(EVERYTHING, json({"status": "error", "code": code, "message": f"{code} happened"}, status=status))
        with pytest.raises(error, match=says):
            await NewsApi(context_of(server, web, patience)).poll(0)


async def test_a_quota_that_names_its_end_says_when_to_come_back() -> None:
    patience = Patience()
    async with Server() as server, web_of(patience) as web:
        server.says(EVERYTHING, json({}, status=429, retry_after="43200"))
        with pytest.raises(Unavailable) as refused:
            await NewsApi(context_of(server, web, patience)).poll(0)
        assert refused.value.retry_at_ns == NOON + 43_200 * SECOND_NS
        assert patience.slept == []


async def test_a_vendors_words_are_cut_to_a_printable_line() -> None:
    patience = Patience()
    async with Server() as server, web_of(patience) as web:
        server.says(EVERYTHING, json({"message": "no\n\x1b[31m" + "x" * 5_000}, status=400))
        with pytest.raises(Unwilling) as refused:
            await NewsApi(context_of(server, web, patience)).poll(0)
        assert str(refused.value).isprintable()
        assert len(str(refused.value)) < 300


async def test_a_recording_of_a_vendor_runs_through_the_same_client(tmp_path: object) -> None:
    patience, tape = Patience(), f"{tmp_path}/newsapi.yaml"
    recorder = vcr.VCR(filter_headers=["x-api-key"])
    async with Server() as server, web_of(patience) as web:
        server.says(
            EVERYTHING, json({"status": "ok", "totalResults": 1, "articles": [article(1)]}), text("", status=500)
        )
        source = NewsApi(context_of(server, web, patience))
        with recorder.use_cassette(tape, record_mode="once"):
            live = await source.poll(0)
        with recorder.use_cassette(tape, record_mode="none"):
            replayed = await source.poll(0)
        assert replayed.texts == live.texts != ()
        with open(tape, encoding="utf-8") as file:
            assert KEYS["NEWSAPI_KEY"] not in file.read()
