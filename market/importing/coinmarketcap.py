"""Daily exports of CoinMarketCap: prices over all venues, volume in dollars, newest first.

The `name` column holds a constant that names no coin, so the operator says which it is. A day is published some ten
minutes after it: https://coinmarketcap.com/api/documentation/v1/#operation/getV2CryptocurrencyOhlcvHistorical
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.errors import DataRefused
from core.time import Timeframe
from market.importing.finishing import FIELDS, RawBars, finish, in_base
from market.importing.numbers import read_numbers
from market.importing.times import read_times

if TYPE_CHECKING:
    from market.importing.opening import SourceFile
    from market.importing.shape import Asked, Imported

NAME = "CoinMarketCap"
VENUE = "coinmarketcap"


def knows(file: SourceFile) -> bool:
    return file.ending == ".csv" and {"timeOpen", "marketCap", *FIELDS} <= set(file.columns)


def read(file: SourceFile, asked: Asked) -> Imported:
    """Daily bars of one export."""
    return finish(file, NAME, raw_bars(file, asked), asked, lag="coinmarketcap_daily")


def raw_bars(file: SourceFile, asked: Asked) -> RawBars:
    table = file.csv()
    if table.num_rows == 0:
        raise DataRefused(f"{file.name}: found no rows, allowed is one or more")
    times = read_times(file.name, "timeOpen", table.column("timeOpen"))
    close_ns = read_times(file.name, "timeClose", table.column("timeClose")).ns + 10**6
    longer = close_ns - times.ns != Timeframe.D1.ns
    if longer.any():
        raise DataRefused(
            f"{file.name} row {int(np.argmax(longer)) + 1}: the bar is no day long, allowed are daily bars"
        )
    numbers = in_base({field: read_numbers(file.name, field, table.column(field)) for field in FIELDS})
    notes = (
        f"times: {times.shown()}",
        "volume of all venues in dollars, turned into base by the typical price of each bar",
    )
    return RawBars(
        times.ns, numbers, len(times.ns), close_ns=close_ns, timeframe=Timeframe.D1, venue=VENUE, notes=notes
    )
