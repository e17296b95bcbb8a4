"""Bad input: one sentence with what was found and what is allowed, the exit code, and nothing half-written."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk.holding import Holding
from desk.home import Home
from tests.api.conftest import Demo
from tests.api.terminal import Told, warden
from tests.desk.desks import books_of, fresh_home, rows
from tests.market.material import GOOD, HEADER, Row, csv_of, with_cell, write_parquet

NOBODY = os.geteuid() != 0 if hasattr(os, "geteuid") else False


@pytest.fixture
def candles(tmp_path: Path) -> Path:
    """Three good hours from 2021-05-01."""
    file = tmp_path / "BTCUSDT.csv"
    file.write_text(csv_of(GOOD))
    return file


def run_on(home: Home, candles: Path, *words: str, as_of: str = "2021-05-01T02:00Z", symbols: str = "BTC/USDT") -> Told:
    given = ("--market", "recorded", "--candles", str(candles), "--symbols", symbols, "--as-of", as_of)
    return warden(home, "run", *given, *words)


def nothing_is_written(home: Home) -> bool:
    """No row of any table, and no file but the settings that the test itself wrote."""
    return not any(rows(home).values())


# Candles


def test_good_candles_are_taken(home: Home, candles: Path) -> None:
    told = run_on(home, candles, "--json")
    assert (told.code, told.err, told.json["cycles"]) == (0, "", 1)


def test_a_gap_is_no_error_and_is_told(home: Home, candles: Path) -> None:
    head, *rows = candles.read_text().splitlines()
    later = rows[-1].replace("2021-05-01T02:00", "2021-05-01T05:00")
    assert later != rows[-1]
    candles.write_text("\n".join([head, *rows, later]) + "\n")
    told = run_on(home, candles, "--json")
    (report,) = told.json["candles"]
    assert (report["bars"], report["gaps"], report["missing_bars"], report["longest_gap"]) == (len(rows) + 1, 1, 2, 2)
    assert "gaps are left open: no price is invented" in run_on(home, candles).out


@pytest.mark.parametrize(
    ("rows_", "header", "found"),
    [
        pytest.param([], HEADER, "found no rows", id="no rows"),
        pytest.param(GOOD[:1], HEADER, "found one row", id="one row"),
        pytest.param(
            with_cell(3, "date", GOOD[1][0]), HEADER, "row 3: 2021-05-01 01:00:00Z is there twice", id="two versions"
        ),
        pytest.param([GOOD[0], GOOD[2], GOOD[1]], HEADER, "row 3: 2021-05-01 01:00:00Z comes after", id="unsorted"),
        pytest.param(with_cell(2, "close", "nan"), HEADER, "row 2: close is nan", id="nan"),
        pytest.param(with_cell(2, "close", "inf"), HEADER, "row 2: close is inf", id="infinite"),
        pytest.param(with_cell(2, "close", ""), HEADER, "row 2: close is", id="missing"),
        pytest.param(with_cell(2, "close", "-104.5"), HEADER, "row 2: close is -104.5", id="negative price"),
        pytest.param(with_cell(3, "low", "0"), HEADER, "row 3: low is 0", id="zero price"),
        pytest.param(with_cell(2, "volume", "-1"), HEADER, "row 2: volume is -1", id="negative volume"),
        pytest.param(with_cell(1, "high", "80"), HEADER, "row 1: high 80 is below", id="high below low"),
        pytest.param(with_cell(1, "date", "yesterday"), HEADER, "yesterday", id="no time"),
        pytest.param(GOOD, "date,open,high,low,last,volume", "last", id="wrong column"),
        pytest.param([row[:5] for row in GOOD], "date,open,high,low,close", "close", id="missing column"),
        pytest.param([(*row, "x") for row in GOOD], f"{HEADER},signal", "signal", id="a column too many"),
    ],
)
def test_candles_that_cannot_be_trusted_are_refused(
    home: Home, tmp_path: Path, rows_: list[Row], header: str, found: str
) -> None:
    file = tmp_path / "BTCUSDT.csv"
    file.write_text(csv_of(rows_, header))
    run_on(home, file).refused("BTCUSDT.csv", found, "allowed is")
    assert nothing_is_written(home)


@pytest.mark.parametrize(
    ("rows_", "corrected"),
    [
        pytest.param(GOOD[::-1], {"newest first, turned round": 3}, id="newest first"),
        pytest.param((*GOOD, GOOD[2]), {"duplicate": 1}, id="twice word for word"),
    ],
)
def test_what_leaves_no_doubt_is_corrected_and_told(
    home: Home, tmp_path: Path, rows_: list[Row], corrected: dict[str, int]
) -> None:
    file = tmp_path / "BTCUSDT.csv"
    file.write_text(csv_of(rows_))
    (report,) = run_on(home, file, "--json").json["candles"]
    assert (report["bars"], report["corrected"]) == (3, corrected)
    assert f"corrected and counted: {next(iter(corrected))}" in run_on(home, file).out


def test_gaps_are_no_error(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "BTCUSDT.csv"
    later = ("2021-05-01T06:00:00Z", *GOOD[2][1:])
    file.write_text(csv_of([*GOOD, later]))
    assert run_on(home, file).code == 0


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n" + b"\0" * 99, b"\xff\xfe\x00\x01", b"{}", b"PAR1"])
@pytest.mark.parametrize("name", ["BTCUSDT.csv", "BTCUSDT.parquet", "BTCUSDT.csv.gz"])
def test_a_file_that_holds_no_candles_is_refused(home: Home, tmp_path: Path, name: str, content: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    run_on(home, file).refused(name)
    assert nothing_is_written(home)


def test_a_truncated_parquet_file_is_refused(home: Home, tmp_path: Path) -> None:
    file = write_parquet(tmp_path)
    file.write_bytes(file.read_bytes()[:-20])
    run_on(home, file).refused("BTCUSDT.parquet", "found no readable Parquet")


def test_a_missing_file_is_refused(home: Home, tmp_path: Path) -> None:
    run_on(home, tmp_path / "BTCUSDT.csv").refused(f"found no file {tmp_path / 'BTCUSDT.csv'}")
    assert nothing_is_written(home)


def test_a_folder_in_place_of_a_file_is_refused(home: Home, tmp_path: Path) -> None:
    (tmp_path / "BTCUSDT.csv").mkdir()
    run_on(home, tmp_path / "BTCUSDT.csv").refused("cannot be read")
    assert nothing_is_written(home)


@pytest.mark.skipif(not NOBODY, reason="an administrator may read every file")
def test_a_file_that_may_not_be_read_is_refused(home: Home, candles: Path) -> None:
    candles.chmod(0)
    run_on(home, candles).refused("cannot be read")
    assert nothing_is_written(home)


# Times


@pytest.mark.parametrize("as_of", ["2021-04-30T23:00Z", "2021-05-01T00:30Z", "2021-05-01T03:00:01Z", "1960-01-01"])
def test_a_time_outside_the_data_is_refused(home: Home, candles: Path, as_of: str) -> None:
    run_on(home, candles, as_of=as_of).refused("the market covers 2021-05-01 01:00:00Z to 2021-05-01 03:00:00Z")
    assert nothing_is_written(home)


@pytest.mark.parametrize("as_of", ["2021-05-01T01:00Z", "2021-05-01T03:00Z"])
def test_the_first_and_the_last_close_are_inside(home: Home, candles: Path, as_of: str) -> None:
    assert run_on(home, candles, as_of=as_of).code == 0


@pytest.mark.parametrize("as_of", ["", "noon", "2021-13-01", "13:00", "1620000000", "2021-05-01T25:00Z", "NaT"])
def test_what_is_no_time_is_refused(home: Home, candles: Path, as_of: str) -> None:
    run_on(home, candles, as_of=as_of).refused("expected a time such as 2021-05-19T13:00Z", repr(as_of))
    assert nothing_is_written(home)


@pytest.mark.parametrize("year", ["0001-01-01", "9999-12-31T23:59:59Z"])
def test_a_time_at_the_ends_of_the_calendar_is_refused(home: Home, candles: Path, year: str) -> None:
    run_on(home, candles, as_of=year).refused("the market covers")


@pytest.mark.parametrize("every", ["", "0h", "-1h", "4", "h", "1.5h", "four hours", "99999999999999d"])
def test_what_is_no_duration_is_refused(home: Home, every: str) -> None:
    told = warden(home, "run", "--from", "2026-01-20", "--to", "2026-01-21", "--every", every)
    if every == "99999999999999d":
        assert told.code == 0, "one cycle, and the next one beyond the end of the series"
        return
    told.refused("--every" if every == "" else repr(every))
    assert nothing_is_written(home)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--from", "2026-01-20"],
        ["--from", "2026-01-20", "--to", "2026-01-21"],
        ["--from", "2026-01-21", "--to", "2026-01-20", "--every", "4h"],
        ["--as-of", "2026-01-20", "--every", "4h"],
        ["--as-of", "2026-01-20", "--from", "2026-01-19"],
    ],
    ids=" ".join,
)
def test_half_a_question_is_refused(home: Home, words: list[str]) -> None:
    warden(home, "run", *words).refused("--")
    assert nothing_is_written(home)


# Symbols and markets


@pytest.mark.parametrize("symbols", ["", " ", ",", " , "])
def test_an_empty_symbol_list_is_refused(home: Home, symbols: str) -> None:
    warden(home, "run", "--symbols", symbols, "--as-of", "2026-01-20").refused("--symbols is empty", "BTC/USDT")
    assert nothing_is_written(home)


@pytest.mark.parametrize("symbol", ["DOGE/BTC", "btc/usdt", "BTCUSDT", "BTC/USDT/X", "../etc", "[/]"])
def test_an_unknown_symbol_is_refused_with_the_known_ones(home: Home, symbol: str) -> None:
    warden(home, "run", "--symbols", symbol, "--as-of", "2026-01-20").refused(symbol, "allowed are BTC/USDT, ETH/USDT")
    assert nothing_is_written(home)


def test_a_symbol_named_twice_is_refused(home: Home) -> None:
    warden(home, "run", "--symbols", "BTC/USDT,BTC/USDT", "--as-of", "2026-01-20").refused("names one twice")
    assert nothing_is_written(home)


def test_a_recorded_market_without_a_file_for_each_symbol_is_refused(home: Home, candles: Path) -> None:
    run_on(home, candles, symbols="BTC/USDT,ETH/USDT").refused("no candle file for ETH/USDT")
    warden(home, "run", "--market", "recorded", "--as-of", "2021-05-01").refused(
        "the store has no candles", "--candles"
    )
    assert nothing_is_written(home)


def test_a_file_that_shows_another_symbol_is_refused(home: Home, candles: Path) -> None:
    run_on(home, candles, symbols="ETH/USDT").refused("shows none of ETH/USDT", "SYMBOL=BTCUSDT.csv")
    assert nothing_is_written(home)


def test_an_unknown_market_is_refused(home: Home) -> None:
    warden(home, "run", "--market", "forex", "--as-of", "2026-01-20").refused("'forex'", "recorded and simulated")
    assert nothing_is_written(home)


def test_candles_for_the_simulated_market_are_refused(home: Home, candles: Path) -> None:
    words = ("--market", "simulated", "--candles", str(candles), "--as-of", "2026-01-20")
    warden(home, "run", *words).refused("takes no candle files")
    assert nothing_is_written(home)


def test_a_negative_seed_is_refused(home: Home) -> None:
    told = warden(home, "run", "--as-of", "2026-01-20", "--seed", "-1")
    assert told.code == 2
    assert "seed" in told.err
    assert nothing_is_written(home)


# Settings

EVERYTHING_THAT_READS_SETTINGS = [["demo"], ["settings"], ["portfolio"], ["risk", "policy"], ["audit", "list"]]


@pytest.mark.parametrize("words", EVERYTHING_THAT_READS_SETTINGS, ids=" ".join)
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[risk]\nmax_asset_exposre = 0.1\n", "unknown key risk.max_asset_exposre, the nearest of"),
        ("[risk]\nmax_asset_exposure = 0.5\n", "risk.max_asset_exposure is '0.5'"),
        ("[risk", "is not TOML"),
    ],
    ids=["unknown key", "loose limit", "not TOML"],
)
def test_settings_that_are_wrong_refuse_to_start(home: Home, words: list[str], text: str, found: str) -> None:
    home.settings.write_text(text)
    warden(home, *words).refused(str(home.settings), found)
    assert nothing_is_written(home)


@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://localhost/desk", "sqlite://", "sqlite:////no/such/folder/desk.db"]
)
@pytest.mark.parametrize("words", [["demo"], ["settings"], ["audit", "verify"], ["doctor"]], ids=" ".join)
def test_a_database_url_that_cannot_be_used_is_refused(home: Home, words: list[str], url: str) -> None:
    told = warden(home, *words, TRADEWARDEN_DATABASE_URL=url)
    if words == ["doctor"]:
        assert (told.code, told.err) == (1, "")
        assert "✗ database" in told.out
    elif words == ["settings"] and url != "nonsense":
        assert told.code == 0, "what is effective can be shown without a database"
    else:
        told.refused()


def test_a_home_that_is_a_file_is_refused(tmp_path: Path, home: Home) -> None:
    (tmp_path / "file").touch()
    told = warden(home, "demo", TRADEWARDEN_HOME=str(tmp_path / "file"))
    told.refused("cannot be made")


# Books


@pytest.fixture
def used(demo: Demo) -> Iterator[Home]:
    """A copy of the demo's home, to be harmed."""
    with fresh_home() as copy:
        shutil.copytree(demo.home.path, copy.path, dirs_exist_ok=True)
        yield copy


READING = [["portfolio"], ["risk", "status"], ["audit", "list"], ["audit", "verify"], ["approvals", "list"], ["demo"]]


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_database_that_is_none_is_refused_and_left_alone(home: Home, words: list[str]) -> None:
    file = home.path / "desk.db"
    content = b"not a database, and long enough to be looked at" * 200
    file.write_bytes(content)
    warden(home, *words).refused(f"{file} is not a sound database", code=1)
    assert file.read_bytes() == content


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_damaged_database_ends_with_a_sentence(used: Home, words: list[str]) -> None:
    file = used.path / "desk.db"
    content = bytearray(file.read_bytes())
    content[4096 : len(content) // 2] = b"\xaa" * (len(content) // 2 - 4096)
    file.write_bytes(content)
    told = warden(used, *words)
    assert told.code == 1
    assert "Traceback" not in told.err + told.out
    if told.err:
        told.refused("desk.db", code=1)


@pytest.mark.parametrize(
    ("column", "change"),
    [("body", "replace(body, '\"', '''')"), ("ts_ns", "ts_ns + 1"), ("kind", "'reviews'"), ("hash", "upper(hash)")],
)
def test_one_changed_entry_is_named_and_nothing_runs_on(used: Home, column: str, change: str) -> None:
    (used.path / "checkpoints.db").unlink()
    with sqlite3.connect(used.path / "desk.db") as connection:
        (stream,) = connection.execute("SELECT stream FROM journal LIMIT 1").fetchone()
        connection.execute(f"UPDATE journal SET {column} = {change} WHERE sequence = 3")
    connection.close()
    before = rows(used)
    told = warden(used, "audit", "verify")
    assert told.code == 1
    assert f"broken at {stream}#3" in told.out
    as_json = warden(used, "audit", "verify", "--json")
    assert (as_json.code, as_json.json["ok"], as_json.json["broken"]) == (1, False, f"{stream}#3")
    warden(used, "demo").refused(f"the journal is broken at {stream}#3", "nothing was changed", code=1)
    assert rows(used) == before


def test_one_byte_changed_in_the_file_is_named(used: Home) -> None:
    file = used.path / "desk.db"
    with books_of(used) as books:
        body = books.read(
            lambda conn: conn.exec_driver_sql("SELECT body FROM journal WHERE kind = 'fill'").scalar_one()
        )
    content = file.read_bytes()
    at = content.index(body.encode()) + body.index("price") + len('price":"')
    digit = content[at : at + 1]
    assert digit.isdigit()
    file.write_bytes(content[:at] + (b"1" if digit != b"1" else b"2") + content[at + 1 :])
    told = warden(used, "audit", "verify")
    assert told.code == 1
    assert "was changed" in told.out


def test_a_second_desk_is_refused(used: Home, demo: Demo) -> None:
    before = rows(used)
    with books_of(used) as books, Holding(books, demo.report["account"]):
        warden(used, "demo").refused(f"account {demo.report['account']} is held by desk desk-{os.getpid()}", code=1)
    assert {**rows(used), "leases": 0} == {**before, "leases": 0}


# Names that are not there


@pytest.mark.parametrize("verb", ["show", "replay"])
@pytest.mark.parametrize("prefix", ["", "ffffffff-none", "%"])
def test_an_unknown_record_is_refused(demo: Demo, verb: str, prefix: str) -> None:
    warden(demo.home, "audit", verb, prefix).refused(
        "no record has an id or a hash that starts with", "warden audit list"
    )


@pytest.mark.parametrize("words", [["portfolio"], ["risk", "status"], ["approvals", "list"]], ids=" ".join)
def test_an_unknown_account_is_refused(demo: Demo, words: list[str]) -> None:
    warden(demo.home, *words, "--account", "nobody").refused("there is no account 'nobody'")


def test_a_portfolio_whose_candles_are_gone_still_shows_what_is_held(home: Home, candles: Path) -> None:
    run_on(home, candles)
    candles.unlink()
    told = warden(home, "portfolio")
    assert (told.code, told.err) == (0, "")
    assert "positions are not marked: found no file" in told.out
    assert "found no file" in warden(home, "portfolio", "--json").json["market_problem"]


def test_a_mistyped_database_url_is_refused_without_its_password(home: Home) -> None:
    told = warden(home, "audit", "list", TRADEWARDEN_DATABASE_URL="postgresql:/warden:hunter2@db.internal/desk")
    told.refused()
    assert "hunter2" not in told.err


def test_a_run_of_rules_cannot_be_masked(home: Home, candles: Path) -> None:
    run_on(home, candles, "--masked").refused("--masked hides the market from a language model", "rules")
    assert nothing_is_written(home)
