"""Public trades, and the derivative tickers of Tardis: recorded events, each with the time at which it arrived if said.

Tardis CSVs name venue and symbol in every row and have both times in microseconds: https://docs.tardis.dev/downloadable-csv-files.
freqtrade's trades have the event time alone.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import DataRefused
from core.money import Price, Quantity
from core.orders import Side
from core.taint import Taint
from market.importing.finishing import symbol_of, venue_of
from market.importing.shape import Asked, Imported, Report
from market.importing.times import read_times
from market.sources.items import Reading
from market.sources.lags import lag_of
from market.store.trades import Trade

if TYPE_CHECKING:
    from core.bars import IntArray
    from market.importing.opening import SourceFile

Table = Any  # pyarrow ships no types

FREQTRADE, TARDIS, TICKER = "freqtrade trades", "Tardis trades", "Tardis derivative ticker"
_TARDIS = {"exchange", "symbol", "timestamp", "local_timestamp"}
_SERIES = {
    "funding_rate": "fraction",
    "predicted_funding_rate": "fraction",
    "open_interest": "contracts",
    "index_price": "quote",
    "mark_price": "quote",
}


def knows_freqtrade(file: SourceFile) -> bool:
    return file.ending == ".feather" and {"timestamp", "id", "side", "price", "amount", "cost"} <= set(file.columns)


def knows_tardis(file: SourceFile) -> bool:
    return file.ending == ".csv" and {*_TARDIS, "id", "side", "price", "amount"} == set(file.columns)


def knows_ticker(file: SourceFile) -> bool:
    return file.ending == ".csv" and {*_TARDIS, "funding_rate", "mark_price"} <= set(file.columns)


def read_freqtrade(file: SourceFile, asked: Asked) -> Imported:
    """Trades known when they happened, plus the documented lag of a venue's trades."""
    table = file.table()
    times = read_times(file.name, "timestamp", table.column("timestamp")).ns
    symbol, venue = symbol_of(file, None, asked), venue_of(file, None, asked)
    return _trades(file, FREQTRADE, table, times, times + lag_of("trades").lag_ns, venue, symbol)


def read_tardis(file: SourceFile, asked: Asked) -> Imported:
    """Trades known when they arrived."""
    table, times, known, venue, symbol = _tardis(file, asked)
    return _trades(file, TARDIS, table, times, known, venue, symbol)


def read_ticker(file: SourceFile, asked: Asked) -> Imported:
    """Funding, open interest, index and mark price, known when they arrived; a field that is empty is no reading."""
    table, times, known, venue, symbol = _tardis(file, asked)
    readings = []
    for series, unit in _SERIES.items():
        if series not in table.column_names:
            continue
        for row, text in enumerate(table.column(series).to_pylist()):
            if text:
                value = _decimal(file.name, row, series, text)
                moment = (int(times[row]), int(known[row]))
                readings.append(Reading(series, symbol, venue, *moment, value, unit, taint=Taint.TRUSTED))
    report = Report(TICKER, file.name, file.sha256, len(times), int(times.min()), int(times.max()), {}, _NOTES)
    return Imported(report, readings=tuple(readings))


_NOTES = ("times: microseconds, known when they arrived",)


def _tardis(file: SourceFile, asked: Asked) -> tuple[Table, IntArray, IntArray, str, str]:
    table = file.csv()
    if table.num_rows == 0:
        raise DataRefused(f"{file.name}: found no rows, allowed is one or more")
    venues, symbols = (set(table.column(column).to_pylist()) for column in ("exchange", "symbol"))
    if len(venues) != 1 or len(symbols) != 1:
        raise DataRefused(f"{file.name}: found {len(venues)} venues and {len(symbols)} symbols, allowed is one of each")
    times = read_times(file.name, "timestamp", table.column("timestamp")).ns
    # Two clocks: what arrived before it happened shows their skew, and was known when it happened.
    known = np.maximum(read_times(file.name, "local_timestamp", table.column("local_timestamp")).ns, times)
    if asked.symbol is None:
        raise DataRefused(
            f"{file.name}: it says {symbols.pop()}, a name of {venues.pop()}; say which it is with --symbol BTC/USD:BTC"
        )
    return table, times, known, asked.venue or venues.pop(), symbol_of(file, None, asked)


def _trades(
    file: SourceFile, dialect: str, table: Table, times: IntArray, known: IntArray, venue: str, symbol: str
) -> Imported:
    columns = [table.column(column).to_pylist() for column in ("id", "side", "price", "amount")]
    trades = []
    for row, (trade_id, side, price, amount) in enumerate(zip(*columns, strict=True)):
        if side not in ("buy", "sell"):
            raise DataRefused(f"{file.name} row {row + 1}: side is {side!r}, allowed are buy and sell")
        numbers = (_decimal(file.name, row, "price", price), _decimal(file.name, row, "amount", amount))
        if numbers[0] <= 0 or numbers[1] <= 0:
            raise DataRefused(
                f"{file.name} row {row + 1}: {numbers[1]} at {numbers[0]}, allowed are numbers above zero"
            )
        moment = (int(times[row]), int(known[row]))
        trades.append(Trade(*moment, str(trade_id), Side(side), Price(numbers[0]), Quantity(numbers[1])))
    span = (int(times.min()), int(times.max()))
    report = Report(dialect, file.name, file.sha256, len(trades), *span, {}, ("times: of the trade",))
    return Imported(report, trades=(venue, symbol, tuple(trades)))


def _decimal(name: str, row: int, field: str, value: object) -> Decimal:
    try:
        found = Decimal(value if isinstance(value, str) else repr(value))
    except ArithmeticError:
        found = Decimal("NaN")
    if not found.is_finite():
        raise DataRefused(f"{name} row {row + 1}: {field} is {value!r}, allowed is a finite number")
    return found
