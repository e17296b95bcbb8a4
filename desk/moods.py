"""What the desk made of texts, kept as a series: models are taught on it and asked with it as with any other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from core.errors import DeskError
from market.beside import SENTIMENT
from market.sources.items import Reading
from market.store.manifest import Origin
from market.store.store import MarketStore

if TYPE_CHECKING:
    from agents.cycle import Cycle
    from desk.home import Home


async def keep(home: Home, cycle: Cycle, known_ns: int) -> str | None:
    """Stores the moods of a cycle, off the event loop, as known at `known_ns`; why a disk did not take them."""
    readings = readings_of(cycle, known_ns)
    if not readings:
        return None
    try:
        store = MarketStore(home.candles)
        await asyncio.to_thread(store.series.append, readings, Origin("the desk's own scoring", known_ns))
    except (OSError, DeskError) as refused:
        return f"the scores of texts are not stored: {refused}"[:200]
    return None


def readings_of(cycle: Cycle, known_ns: int) -> list[Reading]:
    """One for each asset of which texts spoke, from the scorer that read them, about the moment of the cycle.

    An abstention is no number. Pairs of one asset have one mood.
    """
    found: dict[str, Reading] = {}
    for mood in cycle.sentiment.moods if cycle.sentiment is not None else ():
        asset, at_ns = mood.symbol.partition("/")[0], cycle.as_of_ns
        known = max(known_ns, at_ns)
        reading = Reading(SENTIMENT, asset, mood.scorer, at_ns, known, mood.score, "score", taint=mood.taint)
        found.setdefault(asset, reading)
    return list(found.values())
