"""`warden backtest report`: the same figures in the terminal, on the page and for programs."""

from pathlib import Path

import pytest

from backtest.outcomes import save
from desk.home import Home
from tests.api.terminal import warden
from tests.backtest.builders import spans_of, traded
from tests.models.builders import walk

BARS = walk(24 * 60)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return save(traded(BARS, spans_of(len(BARS), 20)), tmp_path, candles=[BARS])


def test_a_person_sees_verdicts_doubts_and_figures(home: Home, saved: Path) -> None:
    told = warden(home, "backtest", "report", str(saved))
    assert (told.code, told.err) == (0, "")
    for words in ("Sharpe ratio > 1.5", "? not decided", "⚠ 20 trades are no evidence", "buy and hold", "reversion"):
        assert words in told.out
    assert told.out.index("published threshold") < told.out.index("buy and hold")


def test_a_program_is_told_the_same_with_the_hash_of_the_file(home: Home, saved: Path) -> None:
    told = warden(home, "backtest", "report", str(saved), "--json", "--minimum-notional", "10")
    assert (told.code, told.err) == (0, "")
    assert told.json["sha256"][:12] in saved.name
    assert told.json["minimum_notional"] == 10
    assert told.json["figures"]["trades"]["value"] == 20
    assert told.json["written"] == []


def test_page_and_sheets_are_written_where_they_were_asked_for(home: Home, saved: Path, tmp_path: Path) -> None:
    out, sheets = tmp_path / "run.html", tmp_path / "sheets"
    told = warden(home, "backtest", "report", str(saved), "--out", str(out), "--csv", str(sheets), "--json")
    assert told.code == 0
    assert len(told.json["written"]) == 5
    assert all(Path(file).stat().st_size for file in told.json["written"])
    assert "its 20 trades on candles of 4 bars of 1h each" in out.read_text(encoding="utf-8")


def test_candles_that_were_not_kept_can_be_named(home: Home, tmp_path: Path) -> None:
    from core.time import show_time

    file = tmp_path / "BTCUSDT_1h.csv"
    rows = zip(BARS.open_ns.tolist(), BARS.open, BARS.high, BARS.low, BARS.close, BARS.volume, strict=True)
    lines = [f"{show_time(ns)},{o},{h},{low},{c},{v}" for ns, o, h, low, c, v in rows]
    file.write_text("date,open,high,low,close,volume\n" + "\n".join(lines) + "\n")
    bare, out = save(traded(BARS, spans_of(len(BARS), 20)), tmp_path), tmp_path / "run.html"
    for candles, words in (([], "its 20 trades without candles"), (["--candles", str(file)], "on candles of 4 bars")):
        told = warden(home, "backtest", "report", str(bare), "--out", str(out), *candles)
        assert (told.code, told.err) == (0, "")
        assert words in out.read_text(encoding="utf-8")


def test_what_cannot_be_done_is_said_in_one_sentence(home: Home, saved: Path, tmp_path: Path) -> None:
    warden(home, "backtest", "report", str(tmp_path / "none.npz")).refused("cannot be read")
    warden(home, "backtest", "report", str(saved), "--out", "page.txt").refused("an ending in .html")
    warden(home, "backtest", "report", str(saved), "--out", str(tmp_path / "no" / "x.html")).refused(
        "x.html", "written"
    )
    warden(home, "backtest", "report", str(saved), "--candles", str(saved)).refused("file name")
    saved.write_bytes(saved.read_bytes()[:-9])
    warden(home, "backtest", "report", str(saved)).refused("was changed")
