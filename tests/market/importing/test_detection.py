"""Each file is read by the one importer that knows it; what none knows is refused by what was found."""

from pathlib import Path

import pytest

from core.errors import DataRefused
from market.importing.loading import load_candles
from market.importing.opening import open_file
from market.importing.shape import Asked
from market.importing.table import IMPORTERS, importer_of
from tests.market.importing.expected import EXPECTED
from tests.market.material import GOOD, csv_of, shared


@pytest.mark.parametrize("name", EXPECTED)
def test_a_real_file_is_known_by_its_importer_and_by_no_other_layout(name: str) -> None:
    file = open_file(shared(f"../{name}"))
    knowing = [importer.name for importer in IMPORTERS if importer.knows(file)]
    assert importer_of(file).name == EXPECTED[name].layout
    # A funding rate and a mark price come in the columns of a candle: there the narrower layout stands first.
    assert knowing[1:] in ([], ["candle table"])


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("date,open,high,low,close", "no column volume"),
        ("date,open,high,low,close,volume,trades", "the foreign column 'trades'"),
        ("date,open,high,low,close,volume,open", "twice the column open"),
        ("date,timestamp,open,high,low,close,volume", "several columns of times, date, timestamp"),
    ],
)
def test_a_table_of_candles_with_other_columns_is_refused_by_the_difference(
    tmp_path: Path, header: str, reason: str
) -> None:
    path = tmp_path / "BTCUSDT.csv"
    path.write_text(f"{header}\n{','.join(['1'] * len(header.split(',')))}\n")
    file = open_file(path)
    with pytest.raises(DataRefused, match=reason) as refusal:
        importer_of(file).read(file, Asked("x", "BTC/USDT"))
    assert "allowed is exactly one of date, timestamp, time, datetime" in str(refusal.value)


@pytest.mark.parametrize(
    "content", ["a,b,c\n1,2,3\n", "1619827200,1,1,1,1,5\n", "<html><body>Not found</body></html>", "\n\n"]
)
def test_what_no_importer_knows_is_refused_by_what_was_found(tmp_path: Path, content: str) -> None:
    path = tmp_path / "BTCUSDT.csv"
    path.write_text(content)
    with pytest.raises(DataRefused, match="which is no layout that is known") as refusal:
        importer_of(open_file(path))
    assert "allowed are CryptoDataDownload" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("capital", ["Date,Open,High,Low,Close,Volume", "timestamp,open,high,low,close,volume"])
def test_the_case_of_names_and_the_name_of_the_time_are_free(tmp_path: Path, capital: str) -> None:
    path = tmp_path / "BTCUSDT.csv"
    path.write_text(csv_of(GOOD, capital))
    assert len(load_candles(path, "BTC/USDT")[0]) == 3


def test_no_two_importers_have_one_name() -> None:
    assert len({importer.name for importer in IMPORTERS}) == len(IMPORTERS)
