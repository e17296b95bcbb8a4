"""RSS and Atom: each feed a source of its own, so that one that fails is seen to fail."""

from __future__ import annotations

import asyncio
import calendar
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from email.utils import parsedate_to_datetime
from importlib.resources import files
from io import BytesIO
from typing import Any, Final

from core.canonical import digest
from core.time import SECOND_NS
from market.sources.context import Context
from market.sources.fields import moment_ns
from market.sources.items import WHOLE_MARKET, Batch, RawText
from market.sources.settings import FeedSettings
from market.web import Unwilling

TYPES: Final = (
    "application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/xml", "text/xml", "+xml",
)  # fmt: skip
_MOST: Final = 500  # entries of one answer; feeds hold 10 to 100


class Feed:
    """One feed, polled with validators. It deletes nothing: entries fall off its end by age."""

    cadence_s = 120

    def __init__(self, context: Context, feed: FeedSettings) -> None:
        self._web, self._feed = context.web, feed

    @property
    def name(self) -> str:
        return f"rss:{self._feed.name}"

    async def poll(self, since_ns: int) -> Batch:
        answer = await self._web.get(self._feed.url, what=f"feed {self._feed.name}", types=TYPES)
        if answer.unchanged:
            return Batch(counts={"unchanged": 1})
        kind = answer.headers.get("content-type", "")
        # Megabytes of XML take seconds; the loop must go on meanwhile.
        texts, counts = await asyncio.to_thread(parse, answer.content, kind, self._feed.language)
        if self._feed.whole_market:
            texts = [replace(text, assets=(*text.assets, WHOLE_MARKET)) for text in texts]
        return Batch(tuple(texts), counts=counts)


def feeds_of(context: Context) -> tuple[Feed, ...]:
    """The shipped feeds, where they are wanted, and the operator's own, which replace a shipped one of their name."""
    named = {feed.name: feed for feed in (*(shipped() if context.settings.shipped_feeds else ()),)}
    named |= {feed.name: feed for feed in context.settings.feeds}
    return tuple(Feed(context, feed) for feed in named.values())


def shipped() -> tuple[FeedSettings, ...]:
    """The list of crypto and central bank feeds that comes with the desk."""
    table = tomllib.loads(files("market.sources").joinpath("feeds.toml").read_text(encoding="utf-8"))
    return tuple(FeedSettings(name=name, **line) for name, line in table.items())


def parse(content: bytes, content_type: str, language: str) -> tuple[list[RawText], Counter[str]]:
    """The entries of a feed as they stand there, hidden words and all. What is no feed is refused.

    Raises
    ------
    Unwilling
        Neither RSS nor Atom: a page, or half of one.
    """
    import feedparser

    # As a stream: bytes would first be tried as the name of a file of ours, and an answer may well be one.
    # Its own sanitizer would take hidden text out before anybody could count it.
    found = feedparser.parse(
        BytesIO(content),
        sanitize_html=False,
        resolve_relative_uris=False,
        response_headers={"content-type": content_type or "application/xml"},
    )
    if not found.get("version") and not found.entries:
        raise Unwilling(f"what came is no RSS or Atom but {len(content)} bytes of something else")
    counts: Counter[str] = Counter()
    if found.bozo and type(found.get("bozo_exception")).__name__ not in ("CharacterEncodingOverride",):
        counts["malformed"] += 1
    texts = list(_entries(found.entries[:_MOST], language or str(found.feed.get("language", "")), counts))
    counts["left out"] += max(0, len(found.entries) - _MOST)
    return texts, +counts


def _entries(entries: list[Any], language: str, counts: Counter[str]) -> Iterator[RawText]:
    for entry in entries:
        headline, url = _text(entry.get("title")), _text(entry.get("link"))
        body = _text(entry.get("summary")) or next((_text(part.get("value")) for part in entry.get("content", [])), "")
        name = _text(entry.get("id")) or url or digest([headline, body])
        if not headline and not body:
            counts["empty"] += 1
            continue
        yield RawText(name, headline, _published(entry), body, url, language, _tags(entry))


def _published(entry: Any) -> int | None:
    """By the entry's own words: the parser's guesses make a day of 2024-99-99, and of an update a publication."""
    for key in ("published", "updated", "created"):
        stated = _text(dict.get(entry, key)).strip()
        if stated and (found := moment_ns(stated) if stated[0].isdigit() and "-" in stated else _rfc2822_ns(stated)):
            return found
    return None


def _rfc2822_ns(text: str) -> int | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return calendar.timegm(moment.utctimetuple()) * SECOND_NS


def _tags(entry: Any) -> tuple[str, ...]:
    """Tags that look like tickers: publishers write BTC, and also 'Markets'."""
    terms = [_text(tag.get("term")) for tag in entry.get("tags", [])]
    return tuple(term for term in terms if term.isupper() and term.isalnum() and 3 <= len(term) <= 5)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
