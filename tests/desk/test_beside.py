"""Stored series beside a model's bars: taught and asked with the same numbers, and silent where they are not known."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.forecasting import ask_forecasters
from core.bars import Bars
from core.errors import ConfigError, DataRefused
from core.ports import Abstain, Forecast
from core.taint import Taint
from core.time import HOUR_NS, Timeframe
from desk import beside, forecasters, modelling, tuning
from desk.home import Home
from market.sources.items import WHOLE_MARKET, Reading
from market.store.candles import BarsKey
from market.store.manifest import Origin
from market.store.store import MarketStore
from models.learners.named import Range, named
from models.registry import Registry, Version
from models.scores import until
from models.settings import ModelSettings
from models.validation.trading import Costs

START_NS = 472_000 * HOUR_NS
TAUGHT = 900
HORIZON = 1


def market(n: int = 1200, *, seed: int = 5) -> tuple[Bars, list[Reading]]:
    """Hours whose move is foretold by a mood that is known at the close before it."""
    random = np.random.default_rng(seed)
    mood = random.integers(20, 80, n)
    moves = np.concatenate([[0.0], 0.0004 * (mood[:-1] - 50)]) + 0.002 * random.normal(size=n)
    close = 30_000 * np.exp(np.cumsum(moves))
    open_ns = START_NS + HOUR_NS * np.arange(n, dtype=np.int64)
    opened = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    bars = Bars("BTC/USDT", Timeframe.H1, open_ns, opened, high, low, close, 1 + random.random(n))
    at = (int(ns) + HOUR_NS for ns in open_ns)
    told = [
        Reading("fear_greed", WHOLE_MARKET, "mood", ns, ns, Decimal(int(value)), "index")
        for ns, value in zip(at, mood, strict=True)
    ]
    return bars, told


BARS, MOODS = market()


def keep(home: Home, bars: Bars, readings: list[Reading]) -> None:
    store, origin = MarketStore(home.candles), Origin("test", START_NS)
    store.candles.append(BarsKey("binance", bars.symbol, bars.timeframe), bars, origin)
    store.series.append(readings, origin)


def taught(home: Home, *words: str, bars: Bars | None = None) -> Version:
    known = until(BARS, TAUGHT) if bars is None else bars
    given = beside.choose(home, known, None, words)
    chosen = named("xgboost", {"trees": "30", "depth": "2", "jobs": "1"})
    as_of_ns = int(known.open_ns[-1]) + HOUR_NS
    return modelling.train(home, known, chosen, horizon=HORIZON, as_of_ns=as_of_ns, changes={}, given=given)


def asked(home: Home, version: Version, n: int) -> Forecast | Abstain:
    (model,) = [one for found, one in forecasters.find(home).trained if found.version == version.version]
    return model.predict(until(BARS, n), horizon=HORIZON)


def test_a_model_reads_in_the_desk_what_it_was_taught_with(home: Home) -> None:
    keep(home, BARS, MOODS)
    version = taught(home, "fear_greed")
    right = 0
    for n in range(TAUGHT + 10, TAUGHT + 60):
        said = asked(home, version, n)
        assert isinstance(said, Forecast), said
        right += (said.p_up > Decimal("0.5")) == (BARS.close[n] > BARS.close[n - 1])
    assert right > 40


def test_a_search_reads_what_training_reads_and_is_a_study_of_its_own(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"trees": 30, "depth": 2, "jobs": 1}
    monkeypatch.setattr(tuning, "space", lambda name: {key: Range(n, n, whole=True) for key, n in small.items()})
    keep(home, BARS, MOODS)

    def searched(**how: Any) -> tuning.Tuned:
        return tuning.tune(home, BARS, "xgboost", horizon=HORIZON, trials=1, seed=0, costs=Costs(0.0, 0.0), **how)

    blind, seeing = searched(), searched(given=beside.choose(home, BARS, None, ["fear_greed"]))
    assert seeing.brier < blind.brier - 0.05
    aged = searched(half_life=100.0)
    assert aged.brier != blind.brier
    assert [one.trials for one in (blind, seeing, aged)] == [1, 1, 1]
    assert seeing.study.endswith(" with fear_greed")
    assert aged.study == f"{blind.study} half-life 100"


def test_what_becomes_known_after_the_close_changes_no_word(home: Home) -> None:
    keep(home, BARS, MOODS[: TAUGHT + 20])
    version = taught(home, "fear_greed")
    before = asked(home, version, TAUGHT + 20)
    keep(home, BARS, [_told_later(MOODS[TAUGHT + 19]), *MOODS[TAUGHT + 20 :]])
    assert isinstance(before, Forecast)
    assert asked(home, version, TAUGHT + 20) == before


def _told_later(one: Reading) -> Reading:
    """The same number, corrected a nanosecond after the close."""
    return Reading(one.series, one.asset, one.source, one.event_ns, one.known_at_ns + 1, Decimal(99), one.unit)


def test_training_does_not_see_a_correction_that_came_later(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    keep(home, BARS, MOODS)
    late = [_late(one) for one in MOODS[:TAUGHT]]
    keep(other, BARS, [*MOODS, *late])
    assert taught(home, "fear_greed").digest == taught(other, "fear_greed").digest


def _late(one: Reading) -> Reading:
    known_ns = int(BARS.open_ns[TAUGHT]) + HOUR_NS
    return Reading(one.series, one.asset, one.source, one.event_ns, known_ns, 100 - one.value, one.unit)


def test_a_model_whose_series_is_gone_says_so(home: Home) -> None:
    keep(home, BARS, MOODS[:TAUGHT])
    version = taught(home, "fear_greed")
    said = asked(home, version, TAUGHT + 200)
    assert isinstance(said, Abstain)
    assert "fear_greed was not known by the close" in said.reason


def test_what_is_not_stored_is_left_out_and_told(home: Home) -> None:
    keep(home, BARS, [])
    given = beside.choose(home, BARS, None, ["all"])
    assert (given.features, dict(given.beside.chosen)) == ((), {})
    (told,) = given.told
    assert told.startswith("left out: spread_bps, imbalance, funding_rate, ")
    assert told.endswith("of which the store has nothing for BTC/USDT")
    version = taught(home, "fear_greed")
    assert isinstance(asked(home, version, TAUGHT + 10), Forecast)
    assert Registry(home.models).load(version).card.notes["series"] == {}


def test_what_was_not_known_over_these_bars_is_left_out(home: Home) -> None:
    keep(home, BARS, MOODS[600:])
    (told,) = beside.choose(home, until(BARS, 500), None, ["fear_greed"]).told
    assert "nothing was known by the close of any" in told
    (told,) = beside.choose(home, BARS, None, ["fear_greed"]).told
    assert "known at 50% of the bars" in told


def test_of_several_sources_the_venues_own_or_the_named_one_is_read(home: Home) -> None:
    paid = [
        Reading("funding_rate", "BTC/USDT:USDT", venue, one.event_ns, one.event_ns, one.value, "fraction")
        for venue in ("binance", "bybit")
        for one in MOODS
    ]
    keep(home, BARS, paid)
    for venue, word, source in (
        ("bybit", "funding_rate", "bybit"),
        (None, "funding_rate=binance", "binance"),
        ("bybit", "funding_rate=binance", "binance"),
    ):
        assert beside.choose(home, BARS, venue, [word]).beside.chosen["funding_rate"].source == source
    (told,) = beside.choose(home, BARS, None, ["funding_rate"]).told
    assert "stored from binance, bybit: say which" in told
    with pytest.raises(ConfigError, match="stored from binance, bybit, found 'okx'"):
        beside.choose(home, BARS, None, ["funding_rate=okx"])
    with pytest.raises(ConfigError, match="a series is one of"):
        beside.choose(home, BARS, None, ["moon"])


class Seer:
    """Knows what comes; `needs` says what it claims to read beside the bars."""

    def __init__(self, *needs: str) -> None:
        self.name, self.needs = "seer", needs

    def predict(self, bars: Bars, *, horizon: int) -> Forecast:
        rises = BARS.close[len(bars) - 1 + horizon] > BARS.close[len(bars) - 1]
        return Forecast(Decimal("0.9") if rises else Decimal("0.1"), Decimal(0))


def test_an_outlook_that_rests_on_a_series_is_derived_once_that_has_a_vote() -> None:
    seen, settings = until(BARS, TAUGHT), ModelSettings(horizon_bars=HORIZON)

    def taint(voting: list[Seer], shadows: list[Seer]) -> int:
        told = ask_forecasters("BTC/USDT", seen, (), voting, settings, shadows)
        return int(told["taint"])

    assert taint([Seer("fear_greed")], []) == Taint.DERIVED
    assert taint([Seer()], []) == taint([], [Seer("fear_greed")]) == Taint.TRUSTED


def test_a_card_that_does_not_say_where_a_series_is_from_is_refused(home: Home) -> None:
    keep(home, BARS, MOODS)
    known = until(BARS, TAUGHT)
    as_of_ns = int(known.open_ns[-1]) + HOUR_NS
    given = beside.choose(home, known, None, ["fear_greed"])
    version = taught(home, "fear_greed")
    model = Registry(home.models).load(version)
    assert given.features
    model.card.notes.pop("series")
    again = Registry(home.models).add("other", model)
    with pytest.raises(DataRefused, match="does not say where its series are from"):
        beside.loaded(home, again, as_of_ns=as_of_ns)
    assert [one.name for one in forecasters.find(home).left_out] == [again.version]
