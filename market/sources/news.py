"""News by API: CryptoPanic and NewsAPI. Both page newest first, meter by the month or the day, and say so in words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from core.time import DAY_NS
from market.sources.fields import iso, moment_ns, pick, tables, words
from market.sources.items import Batch, RawText
from market.sources.vendors import explain
from market.web import Unavailable

if TYPE_CHECKING:
    from market.sources.context import Context

_PAGES: Final = 5  # of one poll: what is older comes with the next, from where this one ended


class CryptoPanic:
    """https://cryptopanic.com/developers/api/ (v2): posts with the assets that its editors tagged."""

    name, cadence_s = "cryptopanic", 300

    def __init__(self, context: Context) -> None:
        self._context = context
        self._base = context.base(self.name, "https://cryptopanic.com/api/developer/v2")

    async def poll(self, since_ns: int) -> Batch:
        texts: list[RawText] = []
        counts: Counter[str] = Counter()
        url: str | None = f"{self._base}/posts/"
        params: dict[str, str | int] | None = {
            "auth_token": self._context.secrets.get("CRYPTOPANIC_TOKEN") or "",
            "public": "true",
            "currencies": ",".join(self._context.settings.assets),
        }
        for page in range(_PAGES):
            with explain("CryptoPanic", "info"):
                answer = (
                    await self._context.web.get(str(url), what=f"CryptoPanic page {page + 1}", params=params)
                ).table()
            posts = tables(answer, "results")
            if not isinstance(answer.get("results"), list):
                raise Unavailable(f"CryptoPanic answered without results: {words(answer, 'info')[:100] or 'no reason'}")
            texts += _kept((_post(post) for post in posts), counts)
            url, params = self._next(answer), None
            if url is None or not posts or _oldest(texts) <= since_ns:
                break
        else:
            counts["pages left"] += 1
        return Batch(tuple(texts), counts=counts)

    def _next(self, answer: dict[str, Any]) -> str | None:
        """The next page, which carries our key: only where it is the API's own address."""
        url = words(answer, "next")
        same = urlsplit(url)[:2] == urlsplit(self._base)[:2]
        return url if url and same else None


class NewsApi:
    """https://newsapi.org/docs/endpoints/everything: articles of many publishers, cut to 200 characters."""

    name, cadence_s = "newsapi", 900

    def __init__(self, context: Context) -> None:
        self._context = context
        self._base = context.base(self.name, "https://newsapi.org/v2")

    async def poll(self, since_ns: int) -> Batch:
        texts: list[RawText] = []
        counts: Counter[str] = Counter()
        seen = 0
        # The developer plan refuses what is older than a month.
        start = max(since_ns, self._context.clock.now_ns() - 29 * DAY_NS)
        for page in range(1, _PAGES + 1):
            with explain("NewsAPI", "message"):
                answer = (
                    await self._context.web.get(
                        f"{self._base}/everything",
                        what=f"NewsAPI page {page}",
                        params={
                            "q": self._context.settings.query,
                            "from": iso(start),
                            "sortBy": "publishedAt",
                            "pageSize": 100,
                            "page": page,
                        },
                        # In a header, since a URL ends in logs of others.
                        headers={"x-api-key": self._context.secrets.get("NEWSAPI_KEY") or ""},
                    )
                ).table()
            if answer.get("status") != "ok" or not isinstance(answer.get("articles"), list):
                raise Unavailable(f"NewsAPI: {words(answer, 'message')[:200] or 'an answer that is not ok'}")
            articles = tables(answer, "articles")
            seen += len(articles)
            texts += _kept((article_of(article, counts) for article in articles), counts)
            total = pick(answer, "totalResults")
            if not articles or not isinstance(total, int) or seen >= total:
                break
            if seen >= 100:  # the developer plan pays out no second page, and answers 426 to who asks
                counts["pages left"] += 1
                break
        return Batch(tuple(texts), counts=counts)


def article_of(article: dict[str, Any], counts: Counter[str]) -> RawText | None:
    """An article of NewsAPI, live or from an archive; None for one that its publisher took back."""
    title, url = words(article, "title"), words(article, "url")
    if title == "[Removed]" or not (title or words(article, "description")):
        counts["removed"] += title == "[Removed]"
        return None
    return RawText(
        native_id=url or title,
        headline=title,
        event_ns=moment_ns(article, "publishedAt"),
        body=words(article, "content") or words(article, "description"),
        url=url,
    )


def _post(post: dict[str, Any]) -> RawText | None:
    name = pick(post, "id")
    title = words(post, "title")
    if not isinstance(name, int | str) or not title:
        return None
    tagged = tables(post, "instruments") or tables(post, "currencies")
    return RawText(
        native_id=str(name),
        headline=title,
        event_ns=moment_ns(post, "published_at"),
        body=words(post, "description"),
        url=words(post, "original_url") or words(post, "url"),
        assets=tuple(code for table in tagged if (code := words(table, "code"))),
    )


def _kept(found: Any, counts: Counter[str]) -> list[RawText]:
    texts = []
    for text in found:
        if text is None:
            counts["unreadable"] += 1
        else:
            texts.append(text)
    return texts


def _oldest(texts: list[RawText]) -> int:
    return min((text.event_ns for text in texts if text.event_ns is not None), default=0)
