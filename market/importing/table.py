"""The table of importers, and the detector: a file is read by the one importer that knows it, or refused."""

from __future__ import annotations

from pathlib import Path

from core.errors import DataRefused
from market.importing import coinmarketcap, cryptodatadownload, derivatives, klines, lean, tables, trades
from market.importing.opening import SourceFile, open_file
from market.importing.shape import Asked, Imported, Importer
from market.sources.archives.table import IMPORTERS as ARCHIVES

IMPORTERS: tuple[Importer, ...] = (
    Importer(
        cryptodatadownload.NAME,
        "CryptoDataDownload CSVs, with stamps in seconds, milliseconds or both",
        cryptodatadownload.knows,
        cryptodatadownload.read,
    ),
    Importer(coinmarketcap.NAME, "CoinMarketCap daily exports", coinmarketcap.knows, coinmarketcap.read),
    Importer(klines.NAME, "kline dumps with open and close time, with and without a header", klines.knows, klines.read),
    Importer(lean.TRADES, "QuantConnect LEAN zips of trade bars", lean.knows_trades, lean.read_trades),
    Importer(lean.QUOTES, "QuantConnect LEAN zips of quote bars", lean.knows_quotes, lean.read_quotes),
    Importer(
        derivatives.FUNDING,
        "funding rates (freqtrade's, or time and rate)",
        derivatives.knows_funding,
        derivatives.read_funding,
    ),
    Importer(
        derivatives.MARK,
        "mark prices, freqtrade's",
        derivatives.knows_mark,
        derivatives.read_mark,
    ),
    Importer(
        derivatives.INTEREST,
        "open interest in Parquet",
        derivatives.knows_interest,
        derivatives.read_interest,
    ),
    Importer(
        derivatives.BASIS,
        "perpetual over spot basis in Parquet",
        derivatives.knows_basis,
        derivatives.read_basis,
    ),
    Importer(trades.FREQTRADE, "freqtrade trades in Feather", trades.knows_freqtrade, trades.read_freqtrade),
    Importer(trades.TARDIS, "Tardis trades CSVs", trades.knows_tardis, trades.read_tardis),
    Importer(trades.TICKER, "Tardis derivative ticker CSVs", trades.knows_ticker, trades.read_ticker),
    *ARCHIVES,
    Importer(
        tables.NAME,
        "tables of date, open, high, low, close, volume (ours and freqtrade's) as Parquet, Feather or CSV",
        tables.knows,
        tables.read,
    ),
)


def import_file(path: Path, asked: Asked) -> Imported:
    """Reads one file by the importer that knows it. DataRefused says what was found and what is allowed."""
    file = open_file(path)
    return importer_of(file).read(file, asked)


def importer_of(file: SourceFile, importers: tuple[Importer, ...] | None = None) -> Importer:
    """The first importer that knows the file: narrower layouts stand before wider ones."""
    for importer in IMPORTERS if importers is None else importers:
        if importer.knows(file):
            return importer
    shown = ", ".join(file.columns[:12])
    allowed = "; ".join(importer.what for importer in IMPORTERS)
    raise DataRefused(
        f"{file.name}: found {shown[:200] or 'nothing'}, which is no layout that is known; allowed are {allowed}"
    )
