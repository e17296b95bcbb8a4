"""`warden data watch` against an emulated venue: what is heard is shown and kept, through kills and a dying venue."""

import asyncio
import json
import os
import pty
import re
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE as SYNC_PIPE
from subprocess import Popen
from threading import Thread
from typing import Any

import pytest

from api.cli import heard
from api.cli.console import console
from core.canonical import JSON
from core.time import MINUTE_NS, ManualClock, Timeframe
from desk.home import Home
from emulator.listings import STANDARD
from emulator.server import Emulator
from market.store.candles import BarsKey
from market.store.store import MarketStore
from tests.api.terminal import Told, warden
from tests.market.sources.test_feeds import entry, rss
from tests.market.web.server import Server, text

BTC = BarsKey("binance", "BTC/USDT", Timeframe.M1)
ROOT = Path(__file__).parents[2]
WATCH = ("data", "watch", "--venue=binance", "--symbols=BTC/USDT,ETH/USDT")


@contextmanager
def venue_process(*more: str) -> Iterator[str]:
    with Popen([sys.executable, "-m", "emulator", "--port=0", *more], stdout=SYNC_PIPE, text=True) as venue:
        assert venue.stdout is not None
        yield venue.stdout.readline().strip()
        venue.terminate()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with venue_process() as found:
        yield found


def watch(home: Home, url: str, *more: str, settings: str = "", **environment: str) -> Told:
    home.make()
    home.settings.write_text(f'{settings}\n[venue.endpoints.binance]\nrest = "{url}"\n')
    return warden(home, *WATCH, *more, **environment)


# In one process: what is shown


def test_books_ages_and_counts_are_told_in_one_document(home: Home, url: str) -> None:
    told = watch(home, url, "--for=3s", "--json")
    assert (told.code, told.err) == (0, "")
    found = told.json
    assert found["connected"] is True
    for line in found["symbols"]:
        assert line["book"] == "valid"
        assert 0 < float(line["bid"]) < float(line["ask"])
        assert float(line["ages"]["book"]["stream_s"]) < 2
        assert set(line["ages"]) == {"book", "trades", "candles", "ticker"}
    assert found["counts"]["frames"] > 0
    wrong = ("reconnects", "gaps", "invalid_spells", "malformed", "crashes")
    assert {name: found["counts"][name] for name in wrong} == dict.fromkeys(wrong, 0)
    assert found["recorded"]["tickers"] >= 2
    assert found["recorded"]["lost"] == 0
    assert (found["crashes"], found["sources"]) == ({}, [])
    assert float(found["loop_lag_s"]) >= 0
    assert {line["kind"] for line in warden(home, "data", "list", "--json").json} >= {"tickers"}


def test_without_a_terminal_a_summary_is_what_a_person_reads(home: Home, url: str) -> None:
    told = watch(home, url, "--for=2s", "--no-record")
    assert (told.code, told.err) == (0, "")
    for words in ("BTC/USDT", "ETH/USDT", "valid", "reconnects 0", "clock skew", "nothing is recorded"):
        assert words in told.out
    assert not home.candles.exists()


def test_a_venue_that_is_never_reached_fails_and_says_why(home: Home) -> None:
    told = watch(home, "http://127.0.0.1:9", "--for=2s", "--json")
    assert told.code == 1
    assert "binance was never reached: ExchangeNotAvailable" in told.err
    assert told.json["connected"] is False
    assert told.json["counts"]["reconnects"] >= 1
    assert [line["bid"] for line in told.json["symbols"]] == [None, None]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--symbols=FOO/USDT",), ["binance has no FOO/USDT"]),
        (("--venue=gemini",), ["no stream of gemini can be verified, allowed are binance"]),
        (("--symbols= , ",), ["--symbols names none"]),
        (("--timeframe=7h",), ["found the timeframe '7h'"]),
        (("--for=soon",), ["expected a duration", "'soon'"]),
        (("--trades", "--no-record"), ["--trades keeps trades"]),
    ],
)
def test_a_command_that_cannot_be_meant_is_refused_in_a_sentence(
    home: Home, url: str, more: tuple[str, ...], words: list[str]
) -> None:
    watch(home, url, "--for=5s", *more).refused(*words)


# In processes: what survives

WARDEN = (sys.executable, "-c", "from api.cli.main import main; main()")


def environment(home: Home) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRADEWARDEN_")}
    return {**kept, "TRADEWARDEN_HOME": str(home.path), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


class Terminal:
    """What a person sees: `end` is what a watch writes to."""

    _CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
    _SCREEN = re.compile(r"binance  (connected|connecting|away, tried again)  .*?messages ", re.DOTALL)

    def __init__(self) -> None:
        self._ours, self.end = pty.openpty()
        self._bytes = b""
        # All the time: a watch whose terminal takes nothing stands still.
        self._reader = Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):  # which is how a terminal ends
            while more := os.read(self._ours, 65_536):
                self._bytes += more

    def written(self) -> str:
        """Everything so far, without the codes that move and colour it."""
        return self._CODES.sub("", self._bytes.decode(errors="replace"))

    def shows(self, state: str, valid: int) -> bool:
        """Whether the screen of now says so of the venue, and so many books as valid."""
        screens = list(self._SCREEN.finditer(self.written()))
        if not screens or screens[-1][1] != state:
            return False
        return len(re.findall(r"\bvalid\b", screens[-1][0])) == valid

    def all(self) -> str:
        """What was written to the end. Nobody may write to it any more."""
        if self._reader.is_alive():
            os.close(self.end)
            self._reader.join()
            os.close(self._ours)
        return self.written()


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.all()


@dataclass
class Rig:
    """A venue whose clock is held by hand, a little in the past, and watches of it in processes of their own."""

    home: Home
    venue: Emulator
    clock: ManualClock
    started: list[Process] = field(default_factory=list)

    async def watch(self, *more: str, settings: str = "", terminal: Terminal | None = None) -> Process:
        self.home.make()
        self.home.settings.write_text(f'{settings}\n[venue.endpoints.binance]\nrest = "{self.venue.base_url}"\n')
        words = (*WARDEN, *WATCH, *(("--json",) if terminal is None else ()), *more)
        process = await asyncio.create_subprocess_exec(
            *words,
            stdout=PIPE if terminal is None else terminal.end,
            stderr=PIPE,
            env={**environment(self.home), "TERM": "xterm", "COLUMNS": "200", "LINES": "50"},
            cwd=self.home.path,
        )
        self.started.append(process)
        return process

    async def until(self, condition: Callable[[], bool], what: str, *, step_ms: int = 1_000) -> None:
        """Lets a second after another pass at the venue until it is so; no time at all with a step of 0."""
        ends = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < ends, f"{what} did not come about"
            assert all(process.returncode is None for process in self.started[-1:]), "the watch ended by itself"
            if step_ms:
                await self.venue.advance(step_ms)
            await asyncio.sleep(0.02)

    async def ended(self, process: Process, how: signal.Signals) -> bytes:
        """What a watch wrote and no terminal took."""
        process.send_signal(how)
        out, err = await asyncio.wait_for(process.communicate(), 90)
        assert (process.returncode, err.decode()) == (0, "")
        return out or b""

    async def heard(self) -> None:
        before = self.connections()
        await self.until(lambda: self.connections() > before, "a connection", step_ms=100)

    def connections(self) -> int:
        return len(self.venue.binance.streams.connections)

    def minutes(self) -> list[int]:
        """Opens of the stored candles, as minutes."""
        store = MarketStore(self.home.candles)
        if BTC not in store.candles.held():
            return []
        bars = store.candles.bars(*BTC, as_of_ns=time.time_ns(), n=10_000)
        return [int(open_ns) // MINUTE_NS for open_ns in bars.open_ns]

    async def fetched(self, minute: int) -> JSON:
        """What `warden data fetch` tells of all candles from a minute on."""
        since = time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(minute * 60))
        words = ("data", "fetch", "--venue=binance", "--symbols=BTC/USDT", "--timeframes=1m", f"--since={since}")
        return (await asyncio.to_thread(warden, self.home, *words, "--json")).json

    async def minutes_pass(self, n: int) -> None:
        """Until so many candles more are stored."""
        wanted = len(self.minutes()) + n
        await self.until(lambda: len(self.minutes()) >= wanted, f"{n} stored candles", step_ms=5_000)


@asynccontextmanager
async def rig(home: Home) -> AsyncIterator[Rig]:
    clock = ManualClock((time.time_ns() // MINUTE_NS - 60) * MINUTE_NS)
    async with Emulator(clock=clock, listings=STANDARD[:2]) as venue:
        made = Rig(home, venue, clock)
        try:
            yield made
        finally:
            for process in made.started:
                if process.returncode is None:
                    process.kill()
                await process.communicate()


async def test_a_killed_watch_begun_again_leaves_a_hole_at_most_and_a_fetch_fills_it(home: Home) -> None:
    async with rig(home) as r:
        first = await r.watch()
        await r.heard()
        await r.minutes_pass(2)
        first.kill()
        await first.communicate()
        kept = r.minutes()
        assert len(kept) >= 2
        await r.venue.advance(2 * 60_000)
        second = await r.watch()
        await r.heard()
        await r.minutes_pass(2)
        told = json.loads(await r.ended(second, signal.SIGTERM))
        assert told["recorded"]["lost"] == 0
        after = r.minutes()
        assert set(kept) <= set(after)
        assert len(after) == len(set(after))
        assert after[-1] - after[0] + 1 > len(after), "two minutes passed while nobody listened"
        await r.venue.advance(60_000)  # a fetch leaves alone what closed a moment ago
        fetched = await r.fetched(after[0])
        assert fetched[0]["missing"] == 0
        whole = r.minutes()
        assert whole[: len(range(after[0], after[-1] + 1))] == list(range(after[0], after[-1] + 1))
        # What the stream told of and what the venue says later are one candle, not two versions.
        assert fetched[0]["revised"] == 0
        assert fetched[0]["unchanged"] == len(after)


async def test_a_venue_that_dies_is_away_and_heard_again_when_it_comes_back_and_sources_go_on(
    home: Home, terminal: Terminal
) -> None:
    async with Server() as server, rig(home) as r:
        server.says("/feed", text(rss(entry("Bitcoin rises above it all")), "text/xml"))
        process = await r.watch(
            settings=f'[market.sources]\nenabled = ["rss", "newsapi"]\nshipped_feeds = false\n'
            f'allow_private = ["127.0.0.1"]\nfeeds = [{{ name = "a", url = "{server.base}/feed" }}]\n',
            terminal=terminal,
        )
        await r.until(lambda: terminal.shows("connected", valid=2), "two valid books", step_ms=100)
        await r.minutes_pass(1)
        texts = MarketStore(home.candles).texts
        await r.until(lambda: texts.sources() == ["rss:a"], "a stored text", step_ms=100)
        await r.until(lambda: terminal.shows("connected", valid=2), "two valid books", step_ms=100)
        port = int(r.venue.base_url.rpartition(":")[2])
        await r.venue.stop()
        await r.until(lambda: terminal.shows("away, tried again", valid=0), "a venue that is away", step_ms=0)
        r.clock.advance_to(r.clock.now_ns() + 2 * MINUTE_NS)
        r.venue = Emulator(port=port, clock=r.clock, listings=STANDARD[:2])
        async with r.venue:
            await r.until(lambda: terminal.shows("connected", valid=2), "two valid books again", step_ms=100)
            await r.minutes_pass(1)
            await r.until(lambda: terminal.shows("connected", valid=2), "two valid books still", step_ms=100)
            await r.ended(process, signal.SIGINT)
            # The bar that was cut short when the venue died was not told as a whole one.
            (fetched,) = await r.fetched(r.minutes()[0])
    assert (fetched["missing"], fetched["revised"]) == (0, 0)
    told = terminal.all().rpartition("binance for")[2]
    counts = {name: int(n.replace(",", "")) for name, n in re.findall(r"(reconnects|invalid spells) ([\d,]+)", told)}
    assert counts["reconnects"] >= 1
    assert counts["invalid spells"] >= 2
    assert "begun anew" not in told
    assert re.search(r"rss:a .* ago +1 +0 *\n", told)
    assert re.search(r"newsapi +never .*TRADEWARDEN_NEWSAPI_KEY", told)


# How it looks


def a_report(**more: Any) -> JSON:
    ages = {"stream_s": "0.1", "exchange_s": "0.2"}
    line = {
        "symbol": "BTC/USDT",
        "bid": None,
        "ask": None,
        "spread_bps": None,
        "book": "invalid (gap: after 7 came 9)",
        "ages": {"book": ages, "trades": {"stream_s": None, "exchange_s": None}},
        "last": {"price": "50000", "quantity": "1", "side": "buy"},
        "last_s": "45",
    }
    names = (*heard._ALWAYS, *heard._SELDOM, "frames")
    found = {
        "venue": "binance", "connected": False, "last_failure": "NetworkError: [bold]gone", "seconds": "61",
        "socket_s": "3", "symbols": [line], "counts": {**dict.fromkeys(names, 0), "reconnects": 2}, "skew_s": None,
        "loop_lag_s": "0.002", "loop_lag_p99_s": "0.004", "last_malformed": "", "unavailable": ["candles"],
        "recorded": None, "crashes": {"sources": "KeyError: 1"}, "sources": [], "sources_trouble": "",
    }  # fmt: skip
    return {**found, **more}


def seen(report: JSON, width: int) -> str:
    with pytest.MonkeyPatch.context() as patch, console.capture() as captured:
        patch.setattr(console, "width", width)
        console.print(heard.screen(report))
    return captured.get()


@pytest.mark.parametrize("width", [80, 160])
def test_an_invalid_book_shows_no_price_and_says_what_broke_it(width: int) -> None:
    shown = seen(a_report(), width)
    for words in ("invalid (gap)", "BTC/USDT: invalid (gap: after 7 came 9)", "away, tried again", "never", "—"):
        assert words in shown
    assert "NetworkError: [bold]gone" in shown  # what a venue says is no markup
    assert "sources broke and was begun anew: KeyError: 1" in shown
    assert "binance has no stream of candles" in shown
    assert "…" not in shown


def test_a_line_for_a_log_tells_what_is_wrong_and_nothing_that_is_not() -> None:
    line = heard.in_a_line(a_report())
    assert line == "1 m 01 s: binance away, tried again, 0 of 1 books valid, 0 messages, 2 reconnects"
