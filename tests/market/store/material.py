"""Stored data in the words of the tests."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import numpy as np

from core.bars import Bars
from core.taint import Taint
from core.time import Timeframe, parse_time
from market.sources.items import Reading, TextItem, content_hash, item_id
from market.store.candles import BarsKey
from market.store.manifest import Origin

T0 = parse_time("2021-05-01T00:00Z")
KEY = BarsKey("binance", "BTC/USDT", Timeframe.H1)
LATER = T0 + 400 * 24 * 3_600 * 10**9


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """An empty folder, in memory where the system has such a place."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="warden-", dir=memory if memory.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def seen(at_ns: int = LATER, *, lag_ns: int = 0, source: str = "test") -> Origin:
    return Origin(source, at_ns, lag_ns)


def hours(
    closes: Sequence[float], *, at: Sequence[int] | None = None, start_ns: int = T0, timeframe: Timeframe = Timeframe.H1
) -> Bars:
    """Bars with these closes, at these positions of the grid (or one after the other)."""
    positions = np.array(range(len(closes)) if at is None else at, dtype=np.int64)
    close = np.array(closes, dtype=np.float64)
    return Bars(
        symbol="BTC/USDT",
        timeframe=timeframe,
        open_ns=start_ns + positions * timeframe.ns,
        open=close.copy(),
        high=close + 1,
        low=close / 2,
        close=close,
        volume=np.ones(len(close)),
    )


def reading(
    value: str, event_ns: int, known_ns: int | None = None, *, name: str = "funding_rate", **more: object
) -> Reading:
    fields: dict[str, object] = {
        "series": name,
        "asset": "BTC/USDT:USDT",
        "source": "binance",
        "event_ns": event_ns,
        "known_at_ns": event_ns if known_ns is None else known_ns,
        "value": Decimal(value),
        "unit": "fraction",
        **more,
    }
    return Reading(**fields)  # type: ignore[arg-type]


def text(
    headline: str, known_ns: int, *, native: str | None = None, story: str | None = None, **more: object
) -> TextItem:
    """One version of one text of the source `wire`; `native` and `story` name it and the text that it copies."""
    source = str(more.pop("source", "wire"))
    name = item_id(source, native or headline)
    fields: dict[str, object] = {
        "item_id": name,
        "source": source,
        "event_ns": known_ns - 60 * 10**9,
        "known_at_ns": known_ns,
        "content_hash": content_hash(headline, ""),
        "headline": headline,
        "body": "",
        "url": "",
        "language": "en",
        "assets": ("BTC",),
        "story_id": name if story is None else item_id(str(more.pop("story_source", source)), story),
        "taint": Taint.UNTRUSTED,
        **more,
    }
    return TextItem(**fields)  # type: ignore[arg-type]
