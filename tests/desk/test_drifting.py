"""What a model said in stored cycles, held against what came: read from the books, judged on bars of then."""

from collections.abc import Iterator

import numpy as np
import pytest
from sqlalchemy import Connection

from core.bars import Bars
from core.canonical import JSON, digest
from core.time import HOUR_NS
from desk import drifting
from desk.drifting import Spoken
from desk.home import Home
from memory.books import accounts, records
from memory.books.database import Books
from memory.books.records import NewRecord
from memory.books.words import RecordKind
from models.learners.trained import Trained
from models.registry import Registry
from models.validation.drift import WEEK_NS, DriftKind, monday_of
from tests.desk.desks import books_of, fresh_home
from tests.desk.models import HORIZON, NOW_NS, TAUGHT_NS, hourly, teach, wilder

# Three weeks begin after it was taught, and are over.
MONDAY_NS = int(monday_of(np.array([TAUGHT_NS]))[0]) + 5 * WEEK_NS
BARS = hourly("BTC/USDT", MONDAY_NS)
CLOSES = BARS.open_ns + HOUR_NS


@pytest.fixture(scope="module")
def model() -> Iterator[Trained]:
    with fresh_home() as home:
        yield Registry(home.models).load(teach(home))


@pytest.fixture
def books(home: Home) -> Iterator[Books]:
    home.make()
    with books_of(home) as opened:
        for account_id in ("paper", "other"):
            opened.write(
                lambda conn, a=account_id: accounts.open_account(conn, a, "USDT", {}, ts_ns=0, clock_ns=0)  # type: ignore[misc]
            )
        yield opened


def store(books: Books, at_ns: int, *lines: JSON, account_id: str = "paper", symbol: str = "BTC/USDT") -> None:
    body = {"at": at_ns, "forecast": {"outlooks": [{"symbol": symbol, "lines": list(lines)}]}}
    name = f"{account_id}-{symbol}-{at_ns}"
    new = NewRecord(name, RecordKind.DECISION, account_id, at_ns, digest(body))

    def write(conn: Connection) -> None:
        records.add(conn, new, body=body, annex={}, ts_ns=at_ns)

    books.write(write)


def line(p_up: str, name: str = "tides-1") -> JSON:
    return {"name": name, "p_up": p_up}


def spoken(books: Books, model: Trained) -> list[tuple[int, float]]:
    found = books.read(lambda conn: drifting.spoken(conn, "paper", model, MONDAY_NS))
    return list(zip(found.at_ns.tolist(), found.p_up.tolist(), strict=True))


def said(right: float, *, every: int = 4, spread: float = 0.1) -> Spoken:
    """In cycles every few hours since the teaching: the direction that came in a share of `right`, else the other."""
    at_ns = np.arange(TAUGHT_NS, MONDAY_NS, every * HOUR_NS)
    place = np.searchsorted(CLOSES, at_ns, side="right") - 1
    later = np.minimum(place + HORIZON, len(BARS) - 1)
    rose = BARS.close[later] > BARS.close[place]
    agrees = np.random.default_rng(1).random(len(at_ns)) < right
    return Spoken(at_ns, np.where(rose == agrees, 0.5 + spread, 0.5 - spread))


def kinds(model: Trained, told: Spoken, bars: Bars = BARS, now_ns: int = MONDAY_NS) -> list[DriftKind]:
    return [finding.kind for finding in drifting.verdict(model, told, bars, now_ns).findings]


# What was said


def test_only_the_models_own_lines_of_this_account_and_symbol_are_read(books: Books, model: Trained) -> None:
    store(books, MONDAY_NS - 2, line("0.6"), line("0.9", "drift"))
    store(books, MONDAY_NS - 1, line("0.4"))
    store(books, MONDAY_NS - 1, line("0.1"), account_id="other")
    store(books, MONDAY_NS - 1, line("0.1"), symbol="ETH/USDT")
    assert spoken(books, model) == [(MONDAY_NS - 2, 0.6), (MONDAY_NS - 1, 0.4)]


def test_what_was_said_later_or_long_ago_is_left_out(books: Books, model: Trained) -> None:
    for at_ns in (MONDAY_NS - 5 * WEEK_NS - 1, MONDAY_NS - 5 * WEEK_NS, MONDAY_NS, MONDAY_NS + 1):
        store(books, at_ns, line("0.6"))
    assert [at_ns for at_ns, _ in spoken(books, model)] == [MONDAY_NS - 5 * WEEK_NS, MONDAY_NS]


def test_nothing_said_is_nothing(books: Books, model: Trained) -> None:
    assert spoken(books, model) == []


# What came of it


def test_two_bad_weeks_are_drift_and_good_ones_are_none(model: Trained) -> None:
    assert kinds(model, said(0.25)) == [DriftKind.ACCURACY]
    assert kinds(model, said(0.75)) == []


def test_an_outcome_that_is_not_known_yet_counts_nowhere(model: Trained) -> None:
    found = drifting.verdict(model, said(0.75), BARS, MONDAY_NS)
    place = np.searchsorted(CLOSES, said(0.75).at_ns, side="right") - 1
    made = int((CLOSES[place] <= MONDAY_NS - HORIZON * HOUR_NS).sum())
    assert made < len(place)
    assert sum(week.n for week in found.weeks) == made


def test_cycles_more_often_than_bars_count_each_bar_once(model: Trained) -> None:
    once = drifting.verdict(model, said(0.75, every=1), BARS, MONDAY_NS)
    told = said(0.75, every=1)
    # The same words again, half an hour later and before the next bar has closed.
    twice = Spoken(np.repeat(told.at_ns, 2) + np.tile([0, HOUR_NS // 2], len(told.at_ns)), np.repeat(told.p_up, 2))
    assert drifting.verdict(model, twice, BARS, MONDAY_NS).weeks == once.weeks


def test_probabilities_near_one_half_are_drift(model: Trained) -> None:
    assert kinds(model, said(0.75, spread=0.01)) == [DriftKind.EVEN]


def test_a_market_that_it_never_saw_is_drift_without_a_word_said(home: Home) -> None:
    taught = Registry(home.models).load(teach(home, wilder(hourly("BTC/USDT", TAUGHT_NS))))
    nothing = Spoken(np.zeros(0, dtype=np.int64), np.zeros(0))
    assert kinds(taught, nothing) == [DriftKind.POPULATION]


def test_too_little_is_told_as_unmeasured(model: Trained) -> None:
    nothing = Spoken(np.zeros(0, dtype=np.int64), np.zeros(0))
    found = drifting.verdict(model, nothing, hourly("BTC/USDT", NOW_NS), NOW_NS)
    assert not found.drifted
    assert len(found.unmeasured) == 2


def test_as_many_bars_are_asked_for_as_a_verdict_reads(model: Trained) -> None:
    n = drifting.bars_needed(model, HOUR_NS)
    few = Bars(
        BARS.symbol,
        BARS.timeframe,
        *(column[-n:] for column in (BARS.open_ns, BARS.open, BARS.high, BARS.low, BARS.close, BARS.volume)),
    )
    assert drifting.verdict(model, said(0.25), few, MONDAY_NS) == drifting.verdict(model, said(0.25), BARS, MONDAY_NS)
