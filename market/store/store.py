"""The market's data on disk as one thing: candles, numbers, texts, readings and logs, in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.errors import DataRefused
from market.store.candles import CandleStore
from market.store.manifest import Manifest, from_bytes
from market.store.readings import ReadingStore
from market.store.series import SeriesStore
from market.store.shelf import MANIFEST, Fault, Shelf
from market.store.texts import TextStore
from market.store.trades import Imbalance, LogStore, Ticker, Trade

FOLDER = "candles"  # under the home


class MarketStore:
    """Opens nothing and locks nothing until it is read or written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.candles = CandleStore(root)
        self.series = SeriesStore(root)
        self.texts = TextStore(root)
        self.readings = ReadingStore(root)
        self.trades: LogStore[Trade] = LogStore(root, Trade)
        self.tickers: LogStore[Ticker] = LogStore(root, Ticker)
        self.imbalances: LogStore[Imbalance] = LogStore(root, Imbalance)

    def faults(self) -> Iterator[list[Fault]]:
        """Folder by folder, what is not as its manifest says; an empty list for a folder without a fault."""
        for folder in self.folders():
            yield self._faults(folder)

    def folders(self) -> list[Path]:
        """Every folder that holds files."""
        if not self.root.is_dir():
            return []
        return sorted({path.parent for path in self.root.rglob("*") if path.is_file()})

    def _faults(self, folder: Path) -> list[Fault]:
        path = folder / MANIFEST
        try:
            manifest = from_bytes(path.read_bytes(), path)
        except FileNotFoundError:
            manifest = Manifest("", {})
        except DataRefused as refused:
            return [Fault(path, str(refused).removeprefix(f"{path}: "))]
        return Shelf(folder, manifest.kind, manifest.key).faults()
