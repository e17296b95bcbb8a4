"""The events that a symbol's texts tell of, as canonical JSON: the effect behind the events of `sentiment`.

What a reader read at ingestion is taken from the store; the rules read what nobody read. No word of a text comes back.
"""

from collections.abc import Sequence
from functools import lru_cache

from agents.reader import as_read, content_of, proven
from agents.reader_rules import RulesTeller, tell
from core.canonical import JSON, digest, plain
from core.ports import MarketView
from core.quotes import NewsItem
from core.taint import Taint, join
from core.texts import TextEvent, TextReading
from core.time import SECOND_NS


def told_events(market: MarketView, symbol: str, texts: Sequence[NewsItem], *, as_of_ns: int, latency_s: int) -> JSON:
    """Events about this symbol's asset or the whole market, known at `as_of_ns`, the first telling of each.

    A text that tried to give orders tells nothing.
    """
    heard = [text for text in texts if text.taint is not Taint.HOSTILE]
    stored = {one.text_id: one for one in market.readings(heard, as_of_ns=as_of_ns)}
    readings = [stored.get(text.item_id) or read_now(text, latency_s) for text in heard]
    asset = symbol.partition("/")[0]
    found: dict[tuple[object, ...], dict[str, object]] = {}
    for reading in sorted(readings, key=lambda one: (one.known_at_ns, one.reading_id)):
        if reading.known_at_ns > as_of_ns:
            continue
        for event in reading.events:
            key = (event.kind, event.direction, event.assets)
            if event.assets and asset not in event.assets:
                continue
            if key in found:
                found[key]["texts"] = int(str(found[key]["texts"])) + 1
                continue
            found[key] = _seen(symbol, reading, event)
    events = list(found.values())
    return plain(
        {
            "symbol": symbol,
            "events": events,
            "evidence": [event["evidence"] for event in events],
            "taint": join([Taint.TRUSTED, *(Taint.DERIVED for _ in events)]),
        }
    )


def read_now(text: NewsItem, latency_s: int) -> TextReading:
    """What the rules make of a headline. They are the same whenever they read it, so that it is never hindsight."""
    known_at_ns = text.known_at_ns + latency_s * SECOND_NS
    return TextReading(
        text_id=text.item_id,
        text_known_ns=text.known_at_ns,
        content_hash=content_of(text.headline),
        reader=RulesTeller.name,
        known_at_ns=known_at_ns,
        read_ns=known_at_ns,
        events=_by_rules(text.headline),
    )


@lru_cache(maxsize=20_000)
def _by_rules(headline: str) -> tuple[TextEvent, ...]:
    """Read once a process: a text stays in the window of many cycles."""
    words = as_read(headline)
    return proven(tell(words), words)


def _seen(symbol: str, reading: TextReading, event: TextEvent) -> dict[str, object]:
    return {
        "symbol": symbol,
        "kind": event.kind,
        "direction": event.direction,
        "magnitude": event.magnitude,
        "certainty": event.certainty,
        "texts": 1,
        "text_id": reading.text_id,
        "start": event.start,
        "end": event.end,
        "reader": reading.reader,
        "known_at_ns": reading.known_at_ns,
        "hindsight": reading.hindsight,
        # Named as every evidence that comes of a text: an order may rest on it, never on it alone.
        "evidence": f"text:{symbol}:{digest([reading.reading_id, event])[:12]}",
    }
