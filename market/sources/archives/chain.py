"""Archives of on-chain numbers and of mood: Coin Metrics, blockchain.com charts, chain statistics, Fear & Greed.

Daily values are stamped with the day that they are about; the event is its end, and known is a lag later.
"""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from core.errors import DataRefused
from core.time import SECOND_NS
from market.importing.shape import Asked, Imported
from market.sources.archives.rows import asset_of, day_ns, numbered, numbers, rows_of, value_of
from market.sources.items import WHOLE_MARKET, Reading
from market.sources.lags import Lag, lag_of

if TYPE_CHECKING:
    from market.importing.opening import SourceFile

COIN_METRICS, CHART, NVT = "Coin Metrics daily metrics", "blockchain.com chart", "blockchain.com NVT"
STATISTICS, MOOD = "chain statistics", "Fear & Greed history"

# Names of the charts and their units: https://www.blockchain.com/explorer/charts
CHARTS: Final = {
    "avg-block-size": "MB", "blocks-size": "MB", "cost-per-transaction": "USD",
    "cost-per-transaction-percent": "percent",
    "difficulty": "1", "estimated-transaction-volume": "BTC", "estimated-transaction-volume-usd": "USD",
    "hash-rate": "TH/s", "market-cap": "USD", "market-price": "USD", "miners-revenue": "USD", "n-transactions": "count",
    "n-transactions-per-block": "count", "n-transactions-total": "count", "n-unique-addresses": "count",
    "output-volume": "BTC", "total-bitcoins": "BTC", "trade-volume": "USD", "transaction-fees": "BTC",
    "transaction-fees-usd": "USD",
}  # fmt: skip
_METRIC: Final = re.compile(r"(?:Adr|Blk|Cap|Diff|Fee|Flow|Hash|Iss|NVT|Price|Rev|ROI|Sply|Tx|Vel|Vty)[A-Za-z0-9]*")
_FILE_ASSET: Final = re.compile(r"coinmetrics_(?:v\d+_)?([a-z0-9]{2,6})_")
_CHART_ROW: Final = re.compile(r"\d{4}-\d\d-\d\d( \d{1,2}:\d\d(:\d\d)?)?,-?\d[\d.eE+-]*")
_NVT: Final = {"market_price": "USD", "total_bitcoins": "BTC", "market_cap_usd": "USD",
               "estimated_transaction_volume_usd": "USD", "nvt": "1"}  # fmt: skip
_STATISTICS: Final = {"unique_addresses": "count", "unique_contracts": "count", "total_transactions": "count",
                      "successful_transactions": "count", "total_value_transferred": "smallest units",
                      "average_gas_price": "wei", "total_gas_used": "gas"}  # fmt: skip
_FEAR_GREED: Final = ("date", "value", "classification")
# The site's hours are of whoever saved it: 01:00 and 02:00 are midnight UTC in central Europe, winter and summer.
_MIDNIGHTS: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ]0[0-2]:00(?::00)?)?")


def knows_coin_metrics(file: SourceFile) -> bool:
    columns = [column for column in file.columns if column not in ("asset", "date", "time")]
    return (
        file.ending == ".csv"
        and ({"date", "time"} & set(file.columns) != set())
        and bool(columns)
        and all(_METRIC.fullmatch(column) for column in columns)
    )


def read_coin_metrics(file: SourceFile, asked: Asked) -> Imported:
    """Metrics by their own names. An empty field is a value that was not yet, or is no longer, computed."""
    rows, counts, lag = rows_of(file), Counter[str](), lag_of("coinmetrics")
    stamp = "date" if "date" in file.columns else "time"
    named = _FILE_ASSET.search(file.name.lower())
    default = None if "asset" in file.columns else asset_of(file, None if named is None else named[1], asked)
    readings = []
    for number, row in numbered(rows):
        asset = default or asset_of(file, row["asset"], asked)
        day = day_ns(file, number, row.pop(stamp))
        row.pop("asset", None)
        for metric, text in row.items():
            if not text.strip():
                counts["empty"] += 1
                continue
            value = value_of(file, number, metric, text)
            readings.append(_daily(metric, asset, "coinmetrics", lag, day, value, _unit(metric, asset)))
    return numbers(file, COIN_METRICS, len(rows), readings, counts, "values: as restated last, not as first published")


def knows_chart(file: SourceFile) -> bool:
    stem = file.name.removesuffix(".gz").removesuffix(".csv")
    return (
        file.ending == ".csv" and stem in CHARTS and bool(file.head) and _CHART_ROW.fullmatch(file.head[0]) is not None
    )


def read_chart(file: SourceFile, asked: Asked) -> Imported:
    """One chart without a header, named by its file."""
    rows, counts, lag = rows_of(file, names=("date", "value")), Counter[str](), lag_of("blockchain_com")
    series = file.name.removesuffix(".gz").removesuffix(".csv")
    asset = asset_of(file, "BTC", asked)
    readings = []
    for number, row in numbered(rows):
        if row["value"].strip().lower() in ("", "nan", "null"):
            counts["empty"] += 1
            continue
        day = day_ns(file, number, row["date"])
        value = value_of(file, number, "value", row["value"])
        readings.append(_daily(series, asset, "blockchain.com", lag, day, value, CHARTS[series]))
    return numbers(file, CHART, len(rows), readings, counts)


def knows_nvt(file: SourceFile) -> bool:
    return file.ending == ".csv" and set(file.columns) == {"time", *_NVT}


def read_nvt(file: SourceFile, asked: Asked) -> Imported:
    rows, lag = rows_of(file), lag_of("btc_nvt")
    readings = []
    for number, row in numbered(rows):
        seconds = value_of(file, number, "time", row["time"])
        if seconds != int(seconds) or seconds % 86_400 or not 1_230_000_000 < seconds < 4_102_444_800:
            raise DataRefused(f"{file.name} row {number}: time is {seconds}, allowed is midnight UTC in Unix seconds")
        day = int(seconds) * SECOND_NS
        readings += [
            _daily(name, "BTC", "blockchain.com", lag, day, value_of(file, number, name, row[name]), unit)
            for name, unit in _NVT.items()
        ]
    return numbers(file, NVT, len(rows), readings, Counter())


def knows_statistics(file: SourceFile) -> bool:
    return file.ending == ".csv" and file.columns[:1] == ("day",) and set(file.columns[1:]) <= set(_STATISTICS)


def read_statistics(file: SourceFile, asked: Asked) -> Imported:
    rows, lag = rows_of(file), lag_of("chain_statistics")
    named = re.search(r"(?:^|_)([a-z0-9]{2,6})_transaction", file.name.lower())
    asset = asset_of(file, None if named is None else named[1], asked)
    readings = []
    for number, row in numbered(rows):
        day = day_ns(file, number, row.pop("day"))
        readings += [
            _daily(name, asset, "explorer", lag, day, value_of(file, number, name, text), _STATISTICS[name])
            for name, text in row.items()
        ]
    return numbers(file, STATISTICS, len(rows), readings, Counter())


def knows_mood(file: SourceFile) -> bool:
    return file.ending == ".csv" and file.columns == _FEAR_GREED


def read_mood(file: SourceFile, asked: Asked) -> Imported:
    """One value a day, at the day's midnight UTC. An hour that is no midnight anywhere near is refused."""
    rows, counts, lag = rows_of(file), Counter[str](), lag_of("fear_greed")
    readings = []
    for number, row in numbered(rows):
        match = _MIDNIGHTS.fullmatch(row["date"].strip())
        if match is None:
            raise DataRefused(
                f"{file.name} row {number}: date is {row['date'][:40]!r}, allowed is a day, or its midnight"
            )
        counts["hour dropped"] += match[1] != row["date"].strip()
        value = value_of(file, number, "value", row["value"])
        if not 0 <= value <= 100:
            raise DataRefused(f"{file.name} row {number}: value is {value}, allowed is 0 to 100")
        day = day_ns(file, number, match[1])
        event, known = lag.event_ns(day), lag.known_at_ns(day)
        readings.append(Reading("fear_greed", WHOLE_MARKET, "fear-greed", event, known, value, "index"))
    return numbers(file, MOOD, len(rows), readings, counts, "times: local midnights, read as midnight UTC of their day")


def _daily(series: str, asset: str, source: str, lag: Lag, day: int, value: Decimal, unit: str) -> Reading:
    return Reading(series, asset, source, lag.event_ns(day), lag.known_at_ns(day), value, unit)


def _unit(metric: str, asset: str) -> str:
    """Of a Coin Metrics metric, from the end of its name."""
    if metric.endswith("USD"):
        return "USD"
    if metric.endswith("Ntv") or metric == "SplyCur":
        return asset
    return {"PriceBTC": "BTC", "HashRate": "TH/s"}.get(metric, "count" if metric.endswith("Cnt") else "1")
