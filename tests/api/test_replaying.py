"""`warden backtest desk`: the same desk over recorded candles, kept as an outcome that `backtest report` reads."""

from pathlib import Path

from desk.home import Home
from tests.api.terminal import Told, warden
from tests.desk.desks import write_hourly_candles

WINDOW = ("--from", "2026-02-18", "--to", "2026-02-19", "--every", "12h")


def replayed(home: Home, files: dict[str, str], *words: str) -> Told:
    return warden(home, "backtest", "desk", *WINDOW, *words, "--candles", *(f"{s}={f}" for s, f in files.items()))


def test_a_replay_is_kept_reported_and_not_made_twice(home: Home, tmp_path: Path) -> None:
    files = write_hourly_candles(tmp_path)
    first = replayed(home, files, "--json", "--rearm", "6h")
    assert (first.code, first.err) == (0, "")
    never, attended = first.json
    assert (never["rearm"], attended["rearm"]) == ("never", "6h")
    assert (never["cycles"], never["left_out"], never["rearmed"]) == (3, 0, 0)
    assert never["report"]["symbols"] == ["BTC/USDT", "ETH/USDT"]
    assert never["report"]["bars"] > 20
    again = replayed(home, files, "--json", "--rearm", "6h")
    assert again.json == first.json
    told = warden(home, "backtest", "report", never["file"], "--json")
    assert told.json["figures"] == never["report"]["figures"]
    shown = replayed(home, files)
    assert "left out while halted" in shown.out
    assert "buy and hold" in shown.out


def test_what_a_replay_cannot_do_is_named_before_anything_runs(home: Home, tmp_path: Path) -> None:
    files = write_hourly_candles(tmp_path)
    for words, problem in (
        (("--without", "plan"), "--without plan: a replay can leave out research, sentiment, forecast"),
        (("--rearm", "soon"), "'soon'"),
        (("--rearm", "0h"), "found '0h'"),
        (("--step", "some"), "--step is 'some': needed and every are allowed"),
    ):
        told = replayed(home, files, *words)
        assert told.code != 0
        assert problem in told.err
    assert not home.backtests.exists()
    assert not (home.path / "desk.db").exists()


def test_stepping_every_bar_reports_the_same(home: Home, tmp_path: Path) -> None:
    files = write_hourly_candles(tmp_path)
    needed = replayed(home, files, "--json").json[0]["report"]
    other = Home(tmp_path / "other")
    every = replayed(other, files, "--json", "--step", "every").json[0]["report"]
    assert every == needed
