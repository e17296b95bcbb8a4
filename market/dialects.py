"""Names the foreign candle layouts that people bring, so that a refusal can say what the file is."""

from __future__ import annotations

import csv

from core.errors import DataRefused

COLUMNS = ("date", "open", "high", "low", "close", "volume")
LAYOUT = f"allowed is Parquet or CSV (.parquet, .csv, .csv.gz) with exactly the columns {', '.join(COLUMNS)}"

_KLINE_FIELDS = 12


def refuse_foreign_bytes(name: str, content: bytes) -> None:
    """Containers that are known by their first bytes."""
    if content.startswith(b"PK\x03\x04"):
        raise DataRefused(f"{name}: found a zip archive, as LEAN ships candles, which is not our layout; {LAYOUT}")
    if content.startswith((b"ARROW1", b"FEA1")):
        raise DataRefused(f"{name}: found a Feather file, as freqtrade writes, which is not our layout; {LAYOUT}")


def refuse_foreign_text(name: str, head: str) -> None:
    """A CSV whose first lines `head` are not our header; names the dialect where we know it."""
    first, _, rest = head.partition("\n")
    if "cryptodatadownload" in first.lower():
        raise DataRefused(f"{name}: found a CryptoDataDownload file, which is not our layout; {LAYOUT}")
    refuse_columns(name, next(csv.reader([first]), []), has_rows=bool(rest.strip()))


def refuse_columns(name: str, found: list[str], *, has_rows: bool = True) -> None:
    """Column names that are not exactly ours, in any order."""
    if sorted(found) == sorted(COLUMNS):
        return
    if not any(field.strip() for field in found):
        raise DataRefused(f"{name}: found no columns, {LAYOUT}")
    raise DataRefused(f"{name}: found {_described(found)}; {LAYOUT}")


def _described(found: list[str]) -> str:
    if all(_is_number(field) for field in found):
        if len(found) == _KLINE_FIELDS:
            return "a Binance kline dump without a header, which is not our layout"
        return f"a file of {len(found)} numbers a row without a header, which is not our layout"
    if {"timeOpen", "marketCap"} <= set(found):
        return "a CoinMarketCap export, which is not our layout"
    if {"Open time", "Close time"} <= set(found):
        return "a Binance kline export with all its columns, which is not our layout"
    if {"open_time", "close_time"} <= set(found):
        return f"a kline file with the columns {', '.join(found)}, which is not our layout"
    return "; ".join(_differences(found))


def _differences(found: list[str]) -> list[str]:
    missing = [column for column in COLUMNS if column not in found]
    extra = [column for column in found if column not in COLUMNS]
    twice = sorted({column for column in found if found.count(column) > 1})
    parts = []
    if missing:
        parts.append(f"no column {', '.join(missing)}")
    if extra:
        parts.append(f"the foreign column {', '.join(map(repr, extra))}")
    if twice:
        parts.append(f"twice the column {', '.join(twice)}")
    return parts


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
