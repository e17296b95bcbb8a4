"""Archives of news: scraped Google News, a headline CSV, and raw answers of NewsAPI."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from core.canonical import digest
from core.errors import DataRefused
from market.importing.shape import Asked, Imported
from market.sources.archives.rows import numbered, rows_of, texts, time_ns
from market.sources.fields import moment_ns, words
from market.sources.intake import Intake, Tripwire
from market.sources.items import RawText, TextItem
from market.sources.lags import lag_of
from market.sources.news import article_of

if TYPE_CHECKING:
    from market.importing.opening import SourceFile

GOOGLE, HEADLINES, NEWSAPI = "Google News articles", "crypto headlines", "NewsAPI answer"
_GOOGLE: Final = frozenset(("published", "title", "url", "content_first_800"))
_HEADLINES: Final = ("date", "headline", "description")


def admitted(
    source: str, lag: str, raws: Iterable[RawText], counts: Counter[str], tripwire: Tripwire | None
) -> list[TextItem]:
    """Items in the order in which they could be known: a documented lag after each event. An undated one is left out.

    Of a live text the arrival dates what is undated; of an archive nothing does. DataRefused without a tripwire: what
    is stored is read with the taint that it got here.
    """
    if tripwire is None:
        raise DataRefused(f"texts of {source} are not imported without a tripwire to look at them")
    known: list[tuple[int, RawText]] = []
    for raw in raws:
        if raw.event_ns is None:
            counts["undated, left out"] += 1
        else:
            known.append((lag_of(lag).known_at_ns(raw.event_ns), raw))
    intake = Intake(tripwire)
    found = [intake.admit(source, raw, at) for at, raw in sorted(known, key=lambda pair: (pair[0], pair[1].native_id))]
    counts.update(intake.counts)
    return [item for item in found if item is not None]


def knows_google(file: SourceFile) -> bool:
    """One JSON object a line, with the fields of the scraper."""
    return file.ending == ".jsonl" and bool(file.head) and set(_object(file.head[0])) >= _GOOGLE


def read_google(file: SourceFile, asked: Asked) -> Imported:
    """Articles with the first part of their body. Their stamps name a day rather than a time."""
    raws, counts = [], Counter[str]()
    lines = [line for line in file.content.decode("utf-8", errors="replace").splitlines() if line.strip()]
    for line in lines:
        row = _object(line)
        if not words(row, "title"):
            counts["unreadable"] += 1
            continue
        title, url = words(row, "title"), words(row, "url")
        raws.append(RawText(url or title, title, moment_ns(row, "published"), words(row, "content_first_800"), url))
    items = admitted("google-news", "google_news", raws, counts, asked.tripwire)
    return texts(file, GOOGLE, len(lines), items, counts, "times: days, stamped at midnight in California")


def knows_headlines(file: SourceFile) -> bool:
    return file.ending == ".csv" and file.columns[:3] == _HEADLINES


def read_headlines(file: SourceFile, asked: Asked) -> Imported:
    """Headlines whose commas were written as bars. The stamps state no zone: the lag allows for the westernmost."""
    rows, counts = rows_of(file), Counter[str]()
    raws = []
    for number, row in numbered(rows):
        headline, body = row["headline"].replace("|", ","), row["description"].replace("|", ",")
        raws.append(RawText(digest([row["date"], headline]), headline, time_ns(file, number, row["date"]), body))
    items = admitted("crypto-headlines", "cryptonews", raws, counts, asked.tripwire)
    notes = ("times: without a zone, read as UTC and known a day later", "sentiment: a model's, not read")
    return texts(file, HEADLINES, len(rows), items, counts, *notes)


def knows_newsapi(file: SourceFile) -> bool:
    if file.ending != ".json":
        return False
    start = file.content[:4096].decode("utf-8", errors="replace")
    return '"publishedAt"' in start and '"source"' in start and '"urlToImage"' in start


def read_newsapi(file: SourceFile, asked: Asked) -> Imported:
    """Articles as the API gives them, in its answer or as a bare list."""
    try:
        found = json.loads(file.content)
    except (ValueError, RecursionError) as broken:
        raise DataRefused(f"{file.name}: found no readable JSON ({type(broken).__name__})") from None
    articles = found.get("articles") if isinstance(found, dict) else found
    if not isinstance(articles, list):
        raise DataRefused(f"{file.name}: found no list of articles")
    counts = Counter[str]()
    read = [article_of(article, counts) if isinstance(article, dict) else None for article in articles]
    counts["unreadable"] += read.count(None) - counts["removed"]
    items = admitted("newsapi", "newsapi", [raw for raw in read if raw is not None], counts, asked.tripwire)
    return texts(file, NEWSAPI, len(articles), items, +counts, "bodies: cut to 200 characters by the API")


def _object(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
