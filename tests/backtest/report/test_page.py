"""The page: whole in one file, nothing fetched, nothing of others run, and readable whatever the outcome was."""

import csv
import json
import math
import os
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from backtest.report.page import _document, page
from backtest.summary import summarised
from core.bars import Bars
from core.time import MINUTE_NS, Timeframe, parse_time
from tests.backtest.builders import outcome, spans_of, trade, traded, walk_of
from tests.models.builders import walk
from tools.simulation.outcome import Outcome, Tried

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
VOID = {"meta", "br", "img"}


class Page(HTMLParser):
    """Tags, text outside of scripts and styles, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.scripts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif "style" not in self.open:
            self.words += data


def made(outcome: Outcome, *candles: Bars) -> Page:
    return Page(page(summarised(outcome, draws=50), candles=candles, digest="ab" * 32))


def test_the_page_holds_all_that_is_to_be_told() -> None:
    bars = walk(24 * 200)
    found = made(replace(traded(bars, spans_of(len(bars), 60)), trials=7), bars)
    for words in (
        "sma cross",
        "Is it true?",
        "Sharpe ratio > 1.5",
        "max drawdown < 20%",
        "of what the trades earned before them",
        "At a minimum notional of 5",
        "60 trades are no evidence",
        "one of 7 trials",
        "buy and hold",
        "Months",
        "its 60 trades on candles of 12 bars of 1h each",
        "Exposure",
        "Rolling Sharpe ratio",
        "Distribution of returns",
        "reversion",
        "forecast",
        "nobody in particular",
        "ORDER_NOTIONAL",
        "house_rule",
        "slow",
        "fee_rate",
        "ab" * 32,
    ):
        assert words in found.words, words
    first, second = found.words.index("Is it true?"), found.words.index("Equity and drawdown")
    assert first < second


def test_what_it_was_picked_from_is_a_map_and_words_of_others_are_escaped() -> None:
    values = {"fast": (5.0, 10.0, 5.0, 10.0), EVIL: ("x", "x", EVIL, EVIL)}
    tried = Tried(0, 10**18, values, np.array([1.0, 2.0, -1.0, 0.5]))
    whole = page(summarised(traded(walk(500), spans_of(500, 20)), draws=50), tried=tried)
    found = Page(whole)
    assert "What it was picked from" in found.words
    assert "4 sets of parameters" in found.words
    assert "1 is x" in found.words
    assert "heat0" in json.loads(found.scripts[0])
    assert "What it was picked from" not in made(traded(walk(500), spans_of(500, 20))).words


def test_every_figure_has_its_place_and_every_place_its_figure() -> None:
    found = made(traded(walk(2000), spans_of(2000, 30)), walk(2000))
    places = [attrs["data-figure"] for _, attrs in found.tags if "data-figure" in attrs]
    assert set(json.loads(found.scripts[0])) == set(places)
    assert len(places) == len(set(places))


def test_only_its_own_scripts_may_run_and_nothing_is_fetched() -> None:
    found = made(outcome(walk_of(100)))
    policy = next(attrs["content"] for tag, attrs in found.tags if tag == "meta" and "http-equiv" in attrs) or ""
    _, library, script = found.scripts
    for one in (library, script):
        assert f"'sha256-{b64encode(sha256(one.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in re.findall("script-src [^;]*", policy)[0]
    assert not [tag for tag, attrs in found.tags if attrs.keys() & {"src", "href", "onclick", "onerror"}]


def test_words_of_others_stay_words() -> None:
    evil = replace(
        traded(walk(500), spans_of(500, 12)),
        name=EVIL,
        symbols=(EVIL,),
        parameters={EVIL: EVIL},
        costs={EVIL: 1.0},
        data={EVIL: EVIL},
        vetoes={EVIL: 2},
    )
    trades = tuple(replace(one, symbol=EVIL, strategy=EVIL, agent=EVIL) for one in evil.trades)
    found = made(replace(evil, trades=trades))
    assert found.words.count(EVIL) >= 10
    assert [tag for tag, _ in found.tags].count("script") == 3
    assert not [tag for tag, _ in found.tags if tag == "img"]


def test_data_cannot_end_the_script_that_holds_them() -> None:
    found = Page(_document(EVIL, "", {EVIL: {"x": EVIL}}))
    assert json.loads(found.scripts[0]) == {EVIL: {"x": EVIL}}
    assert len(found.scripts) == 3


@pytest.mark.parametrize(
    ("strange", "words"),
    [
        (outcome(np.full(200, 1.0)), "None was made."),
        (outcome([1.0]), "One bar is no history."),
        (outcome([5.0, 4.0, -1.0, -1.0]), "RUIN: nothing was left on"),
        (outcome([1.0, math.nan, 2.0], trades=[trade(math.nan), trade(1)]), "Equity is not a number at 1 of 3 bars"),
        (outcome([1.0, 2.0], held=[math.nan, math.nan], exposure=[math.nan, 0.0]), "exposure is not a number at 1"),
        (outcome([1.0, 2.0], trades=[trade(1, worth=0.0)]), "1 of 1 trades have no quantity, price or direction"),
    ],
)
def test_a_strange_outcome_has_a_page_too(strange: Outcome, words: str) -> None:
    found = made(strange)
    assert words in found.words
    assert "nan%" not in found.words


def test_the_same_outcome_gives_the_same_page() -> None:
    one, other = (traded(walk(500), spans_of(500, 12)) for _ in range(2))
    assert page(summarised(one, draws=20)) == page(summarised(other, draws=20))


def test_a_page_of_two_hundred_thousand_bars_stays_small() -> None:
    n = 200_000
    long = outcome(
        walk_of(n, spread=0.0005), step_ns=MINUTE_NS, trades=[trade(1.0, closed=at) for at in range(1, 2000)]
    )
    assert len(page(summarised(long, draws=5)).encode()) < 6_000_000


def test_more_symbols_than_are_drawn_are_named() -> None:
    trades = [trade(1, symbol=f"C{at}/USDT", closed=at + 1) for at in range(6)]
    assert "Not drawn: C4/USDT, C5/USDT." in made(outcome(walk_of(60), trades=trades)).words


def test_real_candles_make_a_page() -> None:
    shared = Path(os.environ.get("TRADEWARDEN_SHARED") or Path(__file__).parents[3] / "../shared").resolve()
    file = shared / "data/ohlcv/binance_spot_BTCUSDT_1d_2017_2023.csv"
    if not file.exists():
        pytest.skip("the shared candles are not at hand: set TRADEWARDEN_SHARED")
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    prices = (np.array([float(row[name]) for row in rows]) for name in ("Open", "High", "Low", "Close", "Volume"))
    bars = Bars("BTC/USDT", Timeframe.D1, np.array([parse_time(row["Open time"]) for row in rows]), *prices)
    found = made(traded(bars, spans_of(len(bars), 50)), bars)
    assert "BTC/USDT: its 50 trades on candles of 5 bars of 1d each." in found.words
    assert "2022" in found.words
