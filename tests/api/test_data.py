"""`warden data`: files in, lists, checks, files out; and a run on what was brought."""

from pathlib import Path

import pytest

from desk.home import Home
from tests.api.terminal import Told, warden
from tests.market.material import GOOD, HEADER, csv_of, write_csv, write_parquet


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_csv(tmp_path, GOOD)


def brought(home: Home, *files: Path, venue: str = "binance") -> Told:
    return warden(home, "data", "import", *map(str, files), "--venue", venue, "--json")


def parts(home: Home) -> list[Path]:
    return sorted(home.candles.rglob("*.parquet"))


# Import


def test_a_good_file_is_stored_and_told(home: Home, file: Path) -> None:
    told = brought(home, file)
    assert (told.code, told.err) == (0, "")
    (line,) = told.json
    assert (line["layout"], line["rows"], line["into"]) == ("candle table", 3, "binance BTC/USDT 1h")
    assert line["stored"] == {
        "bars new": 3, "bars revised": 0, "bars unchanged": 0, "bars late": 0, "bars unfinished": 0,
    }  # fmt: skip
    assert line["quality"]["missing_bars"] == 0


def test_a_person_is_told_what_was_corrected(home: Home, tmp_path: Path) -> None:
    told = warden(home, "data", "import", str(write_csv(tmp_path, list(reversed(GOOD)))), "--venue", "binance")
    assert told.code == 0
    assert "into binance BTC/USDT 1h" in told.out
    assert "corrected and counted: newest first, turned round 3" in told.out


def test_the_same_file_again_adds_nothing(home: Home, file: Path) -> None:
    brought(home, file)
    before = [part.stat().st_mtime_ns for part in parts(home)]
    assert brought(home, file).json[0]["stored"]["bars unchanged"] == 3
    assert [part.stat().st_mtime_ns for part in parts(home)] == before


def test_what_the_file_does_not_say_is_asked_for(home: Home, file: Path) -> None:
    warden(home, "data", "import", str(file)).refused("BTCUSDT.csv", "say it with --venue binance")


def test_one_refused_file_leaves_the_others_and_fails_the_verb(home: Home, file: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("a,b\n1,2\n")
    told = brought(home, bad, file)
    assert told.code == 2
    assert told.err == "warden: 1 of 2 files were refused\n"
    assert ["refused" in line for line in told.json] == [True, False]
    assert len(parts(home)) == 1


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--symbol", "btc", "expected a symbol such as BTC/USDT"),
        ("--timeframe", "7m", "found the timeframe '7m', allowed are 1m, 5m"),
        ("--timezone", "Mars", "allowed is a name such as UTC"),
        ("--volume", "both", "base and quote are allowed"),
        ("--venue", " ", "--venue is empty"),
        ("--made-at", "noon", "expected a time such as"),
    ],
)
def test_an_option_that_means_nothing_is_refused(home: Home, file: Path, option: str, value: str, reason: str) -> None:
    warden(home, "data", "import", str(file), option, value).refused(reason)
    assert parts(home) == []


def test_a_missing_file_is_refused(home: Home, tmp_path: Path) -> None:
    warden(home, "data", "import", str(tmp_path / "no.csv")).refused("found no file")


# List


def test_an_empty_store_is_listed_as_such(home: Home) -> None:
    assert warden(home, "data", "list", "--json").json == []
    assert "nothing is stored yet" in warden(home, "data", "list").out


def test_the_list_says_what_there_is_and_where_it_came_from(home: Home, file: Path) -> None:
    brought(home, file)
    (line,) = warden(home, "data", "list", "--json").json
    assert (line["name"], line["bars"], line["missing"], line["revised"]) == ("binance BTC/USDT 1h", 3, 0, 0)
    assert (line["first"], line["last"]) == ("2021-05-01 00:00:00Z", "2021-05-01 02:00:00Z")
    (origin,) = line["origins"]
    assert origin["source"] == "candle table BTCUSDT.csv"
    assert set(origin["tools"]) == {"tradewarden", "pyarrow", "numpy"}
    shown = warden(home, "data", "list").out
    assert "binance BTC/USDT 1h" in shown
    assert "2021-05-01" in shown


# Verify


def test_a_store_as_it_was_written_is_verified(home: Home, file: Path) -> None:
    assert warden(home, "data", "verify").code == 0
    brought(home, file)
    told = warden(home, "data", "verify", "--json")
    assert (told.code, told.json) == (0, {"ok": True, "data_sets": 1, "faults": []})


def test_a_file_changed_by_hand_fails_and_is_named(home: Home, file: Path) -> None:
    brought(home, file)
    (part,) = parts(home)
    part.write_bytes(part.read_bytes() + b"\n")
    told = warden(home, "data", "verify")
    assert (told.code, told.err) == (1, "warden: 1 file of the store not as written\n")
    assert part.name in told.out.replace("\n", "")
    assert warden(home, "data", "verify", "--json").json["faults"][0]["file"] == str(part)


def test_a_missing_and_an_unlisted_file_fail(home: Home, file: Path) -> None:
    brought(home, file)
    (part,) = parts(home)
    part.rename(part.with_name("mine.parquet"))
    faults = warden(home, "data", "verify", "--json").json["faults"]
    assert [fault["fault"] for fault in faults] == ["missing: it held 3 rows", "not in the manifest"]


# Export


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_what_is_given_out_can_be_brought_in_again(home: Home, file: Path, tmp_path: Path, name: str) -> None:
    brought(home, file)
    out = tmp_path / name
    assert warden(home, "data", "export", "BTC/USDT", str(out), "--json").json == {"file": str(out), "rows": 3}
    again = warden(home, "data", "import", str(out), "--venue", "binance", "--symbol", "BTC/USDT", "--json")
    assert again.json[0]["stored"]["bars unchanged"] == 3


def test_a_range_an_earlier_moment_and_a_coarser_timeframe_can_be_given_out(
    home: Home, file: Path, tmp_path: Path
) -> None:
    brought(home, file)
    out = tmp_path / "out.csv"
    words = ("data", "export", "BTC/USDT", str(out))
    assert warden(home, *words, "--from", "2021-05-01T01:00", "--to", "2021-05-01T02:00").code == 0
    assert out.read_text().splitlines()[1] == '"2021-05-01T01:00:00Z",105,106,104,104.5,0'
    assert warden(home, *words, "--as-of", "2021-05-01T02:00", "--json").json["rows"] == 2
    # The bar of 02:00 is half of its bucket: the other half may yet come.
    assert warden(home, *words, "--timeframe", "2h", "--json").json["rows"] == 1


def test_an_export_that_leaves_a_doubt_is_refused(home: Home, file: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out.csv")
    warden(home, "data", "export", "BTC/USDT", out).refused("no candles of BTC/USDT")
    brought(home, file)
    brought(home, file, venue="kraken")
    warden(home, "data", "export", "BTC/USDT", out).refused("binance and kraken", "--venue")
    words = ("data", "export", "BTC/USDT", out, "--venue", "kraken")
    assert warden(home, *words).code == 0
    warden(home, *words, "--series", "funding_rate").refused("no funding_rate of BTC/USDT")
    warden(home, "data", "export", "BTC/USDT", str(tmp_path / "x.xls"), "--venue", "kraken").refused(
        ".csv and .parquet"
    )
    nowhere = str(tmp_path / "no" / "x.csv")
    warden(home, "data", "export", "BTC/USDT", nowhere, "--venue", "kraken").refused("cannot be written")


def test_a_series_is_given_out_as_it_was_known(home: Home, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rates = tmp_path / "funding_BTCUSDT.parquet"
    pq.write_table(pa.table({"time": [1_619_827_200, 1_619_856_000], "rate": [0.0001, -0.0002]}), rates)
    brought(home, rates)
    out = tmp_path / "out.csv"
    words = ("data", "export", "BTC/USDT:USDT", str(out), "--series", "funding_rate")
    assert warden(home, *words, "--as-of", "2021-05-01T07:59").code == 0
    assert len(out.read_text().splitlines()) == 2
    assert warden(home, *words).code == 0
    assert out.read_text().splitlines()[2].split(",")[2:] == ['"-0.0002"', '"fraction"']


# A run on the store


def test_a_recorded_run_without_files_reads_the_store(home: Home, tmp_path: Path) -> None:
    run = ("run", "--market", "recorded", "--symbols", "BTC/USDT", "--as-of", "2021-05-01T03:00Z")
    warden(home, *run).refused("the store has no candles of BTC/USDT", "--candles", "warden data import")
    file = write_parquet(tmp_path)
    brought(home, file)
    stored = warden(home, *run, "--json")
    assert stored.code == 0, stored.err
    (quality,) = stored.json["candles"]
    assert (quality["symbol"], quality["bars"], quality["timeframe"]) == ("BTC/USDT", 3, "1h")
    assert warden(home, *run, "--json").json["reported"] is True
    assert warden(home, "portfolio").code == 0
    brought(home, file, venue="kraken")
    warden(home, *run).refused("binance and kraken", "--venue")
    assert warden(home, *run, "--venue", "binance", "--timeframe", "1h").code == 0


def test_files_and_a_choice_from_the_store_exclude_each_other(home: Home, file: Path) -> None:
    run = ("run", "--symbols", "BTC/USDT", "--as-of", "2021-05-01T03:00Z", "--venue", "binance")
    warden(home, *run, "--market", "recorded", "--candles", str(file)).refused("one or the other")
    warden(home, *run, "--market", "simulated").refused("use --market recorded")


def test_a_run_takes_every_layout_that_an_import_takes(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT.csv"
    path.write_text(
        "\n".join(
            f"{1_619_827_200_000 + i * 3_600_000},100,110,90,105,7,{1_619_830_799_999 + i * 3_600_000},1,1,1,1,0"
            for i in range(3)
        )
    )
    told = warden(
        home, "run", "--market", "recorded", "--candles", str(path), "--symbols", "BTC/USDT",
        "--as-of", "2021-05-01T03:00Z", "--json",
    )  # fmt: skip
    assert told.code == 0, told.err
    assert told.json["candles"][0]["bars"] == 3


def test_the_header_of_our_own_layout_is_what_is_given_out() -> None:
    assert csv_of(GOOD).startswith(HEADER)
