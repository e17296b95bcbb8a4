"""Posts of people: Reddit and X. Both have edits and deletions, so what was read is asked for again for a day."""

from __future__ import annotations

import base64
from collections import Counter, OrderedDict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from core.time import DAY_NS, SECOND_NS
from market.sources.context import Context
from market.sources.fields import iso, items, moment_ns, number, pick, tables, words
from market.sources.items import Batch, RawText
from market.sources.vendors import explain
from market.web import Answer, Unavailable, Unwilling

_PAGES: Final = 5
_ASKED_AGAIN: Final = 100  # ids in one request, of both vendors
_GONE: Final = frozenset(
    ("[deleted]", "[removed]", "[deleted by user]", "[ removed by reddit ]", "[removed by reddit]")
)


class Watched:
    """Ids that were read within a day: posts that may still be edited or deleted."""

    def __init__(self) -> None:
        self._read: OrderedDict[str, int] = OrderedDict()

    def add(self, names: Iterable[str], now_ns: int) -> None:
        for name in names:
            self._read.setdefault(name, now_ns)
        while self._read and (next(iter(self._read.values())) < now_ns - DAY_NS or len(self._read) > 2_000):
            self._read.popitem(last=False)

    def drop(self, names: Iterable[str]) -> None:
        for name in names:
            self._read.pop(name, None)

    def next(self, beside: set[str]) -> list[str]:
        """The ids to ask for again that a poll did not just show, those that waited longest first."""
        chosen = [name for name in self._read if name not in beside][:_ASKED_AGAIN]
        for name in chosen:
            self._read.move_to_end(name)
        return chosen


class Reddit:
    """https://www.reddit.com/dev/api: new posts of chosen subreddits, with an application's own token."""

    name, cadence_s = "reddit", 300

    def __init__(self, context: Context) -> None:
        self._context, self._watched = context, Watched()
        self._login = context.base("reddit-login", "https://www.reddit.com")
        self._base = context.base(self.name, "https://oauth.reddit.com")
        self._token, self._token_until_ns = "", 0

    async def poll(self, since_ns: int) -> Batch:
        posts: list[dict[str, Any]] = []
        counts: Counter[str] = Counter()
        for subreddit in self._context.settings.subreddits:
            posts += await self._listing(subreddit, since_ns, counts)
        shown = {words(post, "name") for post in posts}
        if again := self._watched.next(shown):
            answer = await self._get("/api/info", {"id": ",".join(again), "raw_json": 1})
            found = _posts(answer.table())
            posts += found
            # One that is missing may be a hiccup of theirs: only what is shown as removed is taken back.
            absent = set(again) - {words(post, "name") for post in found}
            counts["no longer shown"] += len(absent)
            self._watched.drop(absent)
        gone = {words(post, "name") for post in posts if _is_gone(post)}
        texts = [_reddit_text(post) for post in posts if not _is_gone(post) and words(post, "name")]
        self._watched.add((text.native_id for text in texts), self._context.clock.now_ns())
        self._watched.drop(gone)
        return Batch(tuple(texts), gone=tuple(sorted(gone - {""})), counts=counts)

    async def _listing(self, subreddit: str, since_ns: int, counts: Counter[str]) -> list[dict[str, Any]]:
        posts: list[dict[str, Any]] = []
        after = ""
        for _ in range(_PAGES):
            params: dict[str, str | int] = {"limit": 100, "raw_json": 1} | ({"after": after} if after else {})
            answer = (await self._get(f"/r/{subreddit}/new", params)).table()
            page = _posts(answer)
            posts += [post for post in page if (moment_ns(post, "created_utc") or 0) > since_ns]
            after = words(answer, "data", "after")
            if not after or not page or (moment_ns(page[-1], "created_utc") or 0) <= since_ns:
                return posts
        counts["pages left"] += 1
        return posts

    async def _get(self, path: str, params: dict[str, str | int]) -> Answer:
        for last in (False, True):
            headers = {"authorization": f"Bearer {await self._bearer()}"}
            try:
                with explain("Reddit", "message"):
                    return await self._context.web.get(
                        f"{self._base}{path}", what="Reddit", params=params, headers=headers
                    )
            except Unwilling as refused:
                if refused.status != 401 or last:
                    raise
                self._token_until_ns = 0  # a token may be revoked before its time
        raise AssertionError("unreachable: the second time returns or raises")

    async def _bearer(self) -> str:
        now = self._context.clock.now_ns()
        if now >= self._token_until_ns:
            secrets = self._context.secrets
            pair = f"{secrets.get('REDDIT_ID')}:{secrets.get('REDDIT_SECRET')}".encode()
            with explain("Reddit", "message"):
                answer = (
                    await self._context.web.post(
                        f"{self._login}/api/v1/access_token",
                        what="Reddit's token",
                        form={"grant_type": "client_credentials"},
                        headers={"authorization": f"Basic {base64.b64encode(pair).decode()}"},
                    )
                ).table()
            self._token = words(answer, "access_token")
            if not self._token:
                raise Unavailable(f"Reddit gives no token: {words(answer, 'error')[:100] or 'no reason'}")
            lives = number(answer, "expires_in") or Decimal(0)
            self._token_until_ns = now + (int(lives) - 60) * SECOND_NS
        return self._token


class X:
    """https://docs.x.com/x-api/posts/search-recent-posts: posts of the last seven days that match the query."""

    name, cadence_s = "x", 900

    def __init__(self, context: Context) -> None:
        self._context, self._watched = context, Watched()
        self._base = context.base(self.name, "https://api.x.com/2")

    async def poll(self, since_ns: int) -> Batch:
        now = self._context.clock.now_ns()
        counts: Counter[str] = Counter()
        texts: list[RawText] = []
        # The API refuses a start more than seven days back, or less than ten seconds.
        start = min(max(since_ns, now - 7 * DAY_NS + 60 * SECOND_NS), now - 15 * SECOND_NS)
        params: dict[str, str | int] = {
            "query": f"({self._context.settings.query}) -is:retweet",
            "max_results": 100,
            "start_time": iso(start),
            "tweet.fields": "created_at,lang,edit_history_tweet_ids",
        }
        for page in range(_PAGES):
            answer = await self._get("/tweets/search/recent", params)
            if not isinstance(answer.get("meta"), dict):
                raise Unavailable("X answered no search")
            texts += [text for post in tables(answer, "data") if (text := _x_text(post)) is not None]
            token = words(answer, "meta", "next_token")
            if not token:
                break
            params["next_token"] = token
            counts["pages left"] += page == _PAGES - 1
        gone = await self._gone({text.native_id for text in texts})
        self._watched.add((text.native_id for text in texts), now)
        self._watched.drop(gone)
        return Batch(tuple(texts), gone=tuple(gone), counts=counts)

    async def _gone(self, shown: set[str]) -> list[str]:
        again = self._watched.next(shown)
        if not again:
            return []
        answer = await self._get("/tweets", {"ids": ",".join(again)})
        missing = [
            words(error, "value") or words(error, "resource_id")
            for error in tables(answer, "errors")
            if words(error, "type").endswith("resource-not-found") or words(error, "title") == "Not Found Error"
        ]
        return sorted(set(missing) & set(again))

    async def _get(self, path: str, params: dict[str, str | int]) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self._context.secrets.get('X_BEARER')}"}
        with explain("X", "detail"):
            return (
                await self._context.web.get(f"{self._base}{path}", what="X", params=params, headers=headers)
            ).table()


def _posts(answer: dict[str, Any]) -> list[dict[str, Any]]:
    if not isinstance(pick(answer, "data", "children"), list):
        raise Unavailable("Reddit answered no listing")
    return [child["data"] for child in tables(answer, "data", "children") if isinstance(child.get("data"), dict)]


def _is_gone(post: dict[str, Any]) -> bool:
    return (
        words(post, "title").strip().lower() in _GONE
        or words(post, "selftext").strip().lower() in _GONE
        or bool(words(post, "removed_by_category"))
    )


def _reddit_text(post: dict[str, Any]) -> RawText:
    link = words(post, "permalink")
    return RawText(
        native_id=words(post, "name"),
        headline=words(post, "title"),
        event_ns=moment_ns(post, "created_utc"),
        body=words(post, "selftext"),
        url=f"https://www.reddit.com{link}" if link.startswith("/r/") else "",
        markup=False,  # raw_json=1: Markdown, with < and & as themselves
    )


def _x_text(post: dict[str, Any]) -> RawText | None:
    """An edited post has a new id; the first of its history names it through all of them."""
    history = [name for name in items(post, "edit_history_tweet_ids") if isinstance(name, str)]
    name = history[0] if history else words(post, "id")
    if not name.isdigit() or not words(post, "text"):
        return None
    return RawText(
        native_id=name,
        headline=words(post, "text"),
        event_ns=moment_ns(post, "created_at"),
        url=f"https://x.com/i/status/{name}",
        language=words(post, "lang") if words(post, "lang") not in ("und", "qme", "zxx") else "",
    )
