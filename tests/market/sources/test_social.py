import base64
from typing import Any

import pytest
from aiohttp import web as aio

from core.time import DAY_NS, HOUR_NS, SECOND_NS
from market.sources.fields import iso
from market.sources.intake import Intake
from market.sources.social import Reddit, Watched, X
from market.web import Unavailable, Unwilling
from tests.market.sources.desk import KEYS, NOON, Patience, Server, context_of, web_of
from tests.market.web.server import json

TOKEN, NEW, INFO = "/reddit-login/api/v1/access_token", "/reddit/r/Bitcoin/new", "/reddit/api/info"
SEARCH, LOOKUP = "/x/tweets/search/recent", "/x/tweets"


def listing(*posts: dict[str, Any], after: str | None = None) -> dict[str, Any]:
    return {"kind": "Listing", "data": {"after": after, "children": [{"kind": "t3", "data": post} for post in posts]}}


def post(name: str, hours: float = 1, **more: object) -> dict[str, Any]:
    return {
        "name": f"t3_{name}",
        "title": f"About {name}",
        "selftext": "1 < 2 & so on",
        "created_utc": NOON / SECOND_NS - hours * 3600,
        "permalink": f"/r/Bitcoin/comments/{name}/x/",
        **more,
    }


def reddit_at(server: Server, web: Any, patience: Patience) -> Reddit:
    server.says(TOKEN, json({"access_token": "tok-1", "expires_in": 86_400}))
    return Reddit(context_of(server, web, patience, subreddits=("Bitcoin",)))


async def test_reddit_takes_a_token_with_its_own_id_and_reads_posts_as_they_are_written() -> None:
    patience = Patience()
    async with Server() as server, web_of(patience) as web:
        source = reddit_at(server, web, patience)
        server.says(NEW, json(listing(post("a"))))
        server.says(INFO, json(listing(post("a"))))
        (found,) = (await source.poll(0)).texts
        assert (found.native_id, found.body, found.event_ns) == ("t3_a", "1 < 2 & so on", NOON - HOUR_NS)
        assert found.url == "https://www.reddit.com/r/Bitcoin/comments/a/x/"
        login = base64.b64encode(f"{KEYS['REDDIT_ID']}:{KEYS['REDDIT_SECRET']}".encode()).decode()
        assert server.seen[0].headers["authorization"] == f"Basic {login}"
        assert server.seen[1].headers["authorization"] == "Bearer tok-1"
        await source.poll(0)
        assert [seen.path for seen in server.seen].count(TOKEN) == 1


async def test_reddit_pages_back_to_where_the_last_poll_ended() -> None:
    patience = Patience()
    async with Server() as server, web_of(patience) as web:
        source = reddit_at(server, web, patience)
        server.says(NEW, json(listing(post("a", 1), after="t3_a")), json(listing(post("b", 5), after="t3_b")))
        batch = await source.poll(NOON - 2 * HOUR_NS)
        assert [found.native_id for found in batch.texts] == ["t3_a"]
        assert [seen.query.get("after") for seen in server.seen if seen.path == NEW] == [None, "t3_a"]


async def test_a_deleted_post_is_taken_back_and_one_that_is_only_missing_is_counted() -> None:
    patience = Patience()
    async with Server() as server, web_of(patience) as web:
        source = reddit_at(server, web, patience)
        server.says(
            NEW,
            json(listing(post("a"), post("b"), post("c"))),
            json(listing(post("d", removed_by_category="moderator"))),
        )
        assert len((await source.poll(0)).texts) == 3
        server.says(INFO, json(listing(post("a", selftext="[removed]"), post("c", selftext="edited"))))
        batch = await source.poll(0)
        assert batch.gone == ("t3_a", "t3_d")
        assert batch.counts == {"no longer shown": 1}
        assert [(found.native_id, found.body) for found in batch.texts] == [("t3_c", "edited")]


async def test_a_revoked_token_is_renewed_once() -> None:
    patience = Patience()
    async with Server() as server, web_of(patience) as web:
        source = reddit_at(server, web, patience)
        server.says(
            TOKEN, json({"access_token": "old", "expires_in": 3600}), json({"access_token": "new", "expires_in": 3600})
        )
        server.says(NEW, json({"message": "Unauthorized"}, status=401), json(listing(post("a"))))
        assert len((await source.poll(0)).texts) == 1
        assert server.seen[-1].headers["authorization"] == "Bearer new"


async def test_a_wrong_secret_is_told_without_it() -> None:
    patience = Patience()
    async with Server() as server, web_of(patience) as web:
        source = reddit_at(server, web, patience)
        server.says(TOKEN, json({"message": "Unauthorized", "error": 401}, status=401))
        with pytest.raises(Unwilling, match="Reddit does not accept the key") as refused:
            await source.poll(0)
        assert KEYS["REDDIT_SECRET"] not in str(refused.value)
        server.says(TOKEN, json({"error": "invalid_grant"}))
        with pytest.raises(Unavailable, match="gives no token: invalid_grant"):
            await source.poll(0)


async def test_reddits_own_reset_is_kept() -> None:
    patience = Patience()
    async with Server() as server, web_of(patience, attempts=2) as web:
        source = reddit_at(server, web, patience)
        server.says(NEW, json({}, status=429, x_ratelimit_reset="42"), json(listing()))
        await source.poll(0)
        assert sum(patience.slept) == pytest.approx(42)


def tweet(number: int, **more: object) -> dict[str, Any]:
    return {
        "id": str(number),
        "text": f"$BTC to the moon {number}",
        "created_at": iso(NOON - HOUR_NS),
        "lang": "en",
        "edit_history_tweet_ids": [str(number)],
        **more,
    }


async def test_x_pages_by_token_and_keeps_within_seven_days() -> None:
    patience = Patience()

    async def search(request: aio.Request) -> aio.StreamResponse:
        if "next_token" in request.query:
            return aio.json_response({"data": [tweet(2)], "meta": {}})
        return aio.json_response({"data": [tweet(1), {"id": 5}, None], "meta": {"next_token": "n2"}})

    async with Server({SEARCH: search}) as server, web_of(patience) as web:
        batch = await X(context_of(server, web, patience)).poll(0)
        assert [found.native_id for found in batch.texts] == ["1", "2"]
        assert server.seen[0].headers["authorization"] == f"Bearer {KEYS['X_BEARER']}"
        assert server.seen[0].query["start_time"] == iso(NOON - 7 * DAY_NS + 60 * SECOND_NS)


async def test_an_edited_post_of_x_is_a_version_of_the_first() -> None:
    patience, intake = Patience(), Intake(lambda _: False)
    async with Server() as server, web_of(patience) as web:
        source = X(context_of(server, web, patience))
        edited = tweet(9, text="$BTC to zero", edit_history_tweet_ids=["1", "9"])
        server.says(SEARCH, json({"data": [tweet(1)], "meta": {}}), json({"data": [edited], "meta": {}}))
        versions = [
            intake.admit("x", found, NOON + at)
            for at in range(2)
            for found in (await source.poll(NOON - HOUR_NS)).texts
        ]
        assert [found.revision for found in versions if found is not None] == [0, 1]
        assert len({found.item_id for found in versions if found is not None}) == 1


async def test_a_post_that_x_no_longer_finds_is_taken_back() -> None:
    patience = Patience()
    async with Server() as server, web_of(patience) as web:
        source = X(context_of(server, web, patience))
        server.says(SEARCH, json({"data": [tweet(1), tweet(2)], "meta": {}}), json({"meta": {"result_count": 0}}))
        missing = {
            "value": "2",
            "title": "Not Found Error",
            "type": "https://api.twitter.com/2/problems/resource-not-found",
        }
        server.says(LOOKUP, json({"data": [tweet(1)], "errors": [missing, {"value": "7", "title": "Not Found Error"}]}))
        await source.poll(NOON - HOUR_NS)
        assert (await source.poll(NOON - HOUR_NS)).gone == ("2",)


@pytest.mark.parametrize(
    ("status", "body", "headers", "error", "says"),
    [
        (401, {"title": "Unauthorized", "detail": "Unauthorized"}, {}, Unwilling, "does not accept the key"),
        (403, {"detail": "UsageCapExceeded: Monthly product cap"}, {}, Unavailable, "quota is spent"),
        (
            429,
            {"title": "Too Many Requests"},
            {"x_rate_limit_reset": str(NOON // SECOND_NS + 900)},
            Unavailable,
            "patience",
        ),
        (400, {"detail": "Invalid 'query'"}, {}, Unwilling, "Invalid 'query'"),
    ],
)
async def test_each_refusal_of_x_is_told(
    status: int, body: object, headers: dict[str, str], error: type[Exception], says: str
) -> None:
    patience = Patience()
    async with Server() as server, web_of(patience, attempts=2) as web:
        server.says(SEARCH, json(body, status=status, **headers))
        with pytest.raises(error, match=says) as refused:
            await X(context_of(server, web, patience)).poll(0)
        assert KEYS["X_BEARER"] not in str(refused.value)


async def test_an_answer_that_is_no_search_and_no_listing_is_no_quiet_day() -> None:
    patience = Patience()
    async with Server() as server, web_of(patience) as web:
        server.says(SEARCH, json({"data": []}))
        with pytest.raises(Unavailable, match="no search"):
            await X(context_of(server, web, patience)).poll(NOON)
        source = reddit_at(server, web, patience)
        server.says(NEW, json({"data": {"children": None}}))
        with pytest.raises(Unavailable, match="no listing"):
            await source.poll(0)


def test_what_is_watched_is_asked_again_for_a_day_those_first_that_waited_longest() -> None:
    watched = Watched()
    watched.add(["a", "b"], NOON)
    assert watched.next({"b"}) == ["a"]
    assert watched.next(set()) == ["b", "a"]
    watched.drop(["a"])
    watched.add(["c"], NOON + 2 * DAY_NS)
    assert watched.next(set()) == ["c"]
