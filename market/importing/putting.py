"""Puts what was imported into the store, with where it came from."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from market.store.manifest import Origin
from market.store.store import MarketStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from market.importing.shape import Imported


def put(store: MarketStore, imported: Imported, seen_ns: int, tools: Mapping[str, str]) -> dict[str, int]:
    """Stores everything that a file became; how many of what were new. A file that is imported again adds nothing."""
    report = imported.report
    notes = tuple(f"{kind}: {count}" for kind, count in report.counts.items()) + report.notes
    origin = Origin(f"{report.dialect} {report.file}", seen_ns, imported.lag_ns, dict(tools), report.sha256, notes)
    done: dict[str, int] = {}
    if imported.candles is not None:
        key, bars = imported.candles
        done.update({f"bars {what}": n for what, n in asdict(store.candles.append(key, bars, origin)).items()})
    if imported.readings:
        done["readings new"] = store.series.append(imported.readings, origin)
    if imported.texts:
        done["texts new"] = store.texts.append(imported.texts, origin)
    if imported.trades is not None:
        venue, symbol, trades = imported.trades
        done["trades new"] = store.trades.append(venue, symbol, trades, origin)
    return done
