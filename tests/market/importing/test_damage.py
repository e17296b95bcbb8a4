"""Whatever happens to the bytes of a file, reading it ends in bars that are bars, or in one sentence."""

import io
import zipfile
from functools import cache

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import DataRefused
from market.importing.shape import Asked
from market.importing.table import import_file
from tests.market.importing.test_dialects import cdd, cdd_row, kline
from tests.market.material import GOOD, T0, csv_of, write_parquet
from tests.market.store.material import fresh_folder

ASKED = Asked("binance", "BTC/USDT", timezone="UTC")


@cache
def whole() -> dict[str, bytes]:
    """One small file of each container and layout."""
    import pyarrow.feather as feather
    import pyarrow.parquet as pq

    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        rows = "".join(f"{i * 60_000},100,110,90,105,{i + 1}\n" for i in range(30))
        packed.writestr("20210501_btcusdt_minute_trade.csv", rows)
    with fresh_folder() as folder:
        parquet = write_parquet(folder)
        table = pq.read_table(parquet)
        feather.write_feather(table, str(folder / "x.feather"))
        files = {"BTCUSDT.parquet": parquet.read_bytes(), "BTCUSDT.feather": (folder / "x.feather").read_bytes()}
    rows_of_cdd = [cdd_row((T0 // 10**6) + i * 3_600_000, f"2021-05-01 0{i}:00:00") for i in range(5)]
    return {
        **files,
        "20210501_trade.zip": archive.getvalue(),
        "BTCUSDT.csv": csv_of(GOOD).encode(),
        "klines.csv": "\n".join(kline(i) for i in range(5)).encode(),
        "cdd.csv": cdd(*rows_of_cdd).encode(),
    }


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    name = draw(st.sampled_from(sorted(whole())))
    content = bytearray(whole()[name])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        kind = draw(st.sampled_from(["cut", "flip", "insert", "drop"]))
        if kind == "cut":
            del content[at:]
        elif kind == "flip" and content:
            content[at] = draw(st.integers(0, 255))
        elif kind == "insert":
            content[at:at] = draw(
                st.sampled_from([b"\n", b",", b";", b'"', b"\0", b"nan", b"-", b"9" * 20, b"\xff", b"Z"])
            )
        else:
            del content[at : at + draw(st.integers(1, 40))]
    return name, bytes(content)


@example(file=("cdd.csv", whole()["cdd.csv"].replace(b"\n", b"\n\n", 1)))
@example(file=("cdd.csv", whole()["cdd.csv"].replace(b"\nunix", b"\n\x80nix", 1)))
@given(file=damaged())
def test_a_damaged_file_is_refused_in_a_sentence_or_its_bars_are_sane(file: tuple[str, bytes]) -> None:
    name, content = file
    with fresh_folder() as folder:
        (folder / name).write_bytes(content)
        said, imported = "", None
        try:
            imported = import_file(folder / name, ASKED)
        except DataRefused as refused:
            said = str(refused)
    if imported is None:
        assert said
        assert "\n" not in said
        return
    assert imported.candles is not None
    bars = imported.candles[1]
    assert len(bars) > 0
    assert np.all(np.diff(bars.open_ns) > 0)
    assert not (bars.open_ns % bars.timeframe.ns).any()
    assert np.all((bars.low > 0) & (bars.low <= bars.close) & (bars.close <= bars.high) & (bars.volume >= 0))
