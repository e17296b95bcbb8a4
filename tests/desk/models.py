"""Models of the simulated market, small and quick, and a vote for one that has not earned it."""

from dataclasses import replace

import numpy as np

from core.bars import Bars
from core.time import DAY_NS, Timeframe
from desk import modelling
from desk.home import Home
from models.evidence import gather
from models.learners.named import named
from models.registry import Registry, Version
from models.validation.trading import Costs
from tests.desk.desks import simulated

SEED = 7
HORIZON = 12
START_NS, END_NS = simulated(SEED).range_ns
TAUGHT_NS = START_NS + 40 * DAY_NS
NOW_NS = TAUGHT_NS + 20 * DAY_NS
SMALL = {"trees": "5", "depth": "2", "jobs": "1"}


def hourly(symbol: str, as_of_ns: int) -> Bars:
    return simulated(SEED).bars(symbol, Timeframe.H1, as_of_ns=as_of_ns, n=10**6)


def wilder(bars: Bars, times: float = 8.0) -> Bars:
    """The same market with every move so many times as large."""
    prices = (
        bars.close[0] * np.exp(times * np.log(price / bars.close[0]))
        for price in (bars.open, bars.high, bars.low, bars.close)
    )
    return Bars(bars.symbol, bars.timeframe, bars.open_ns, *prices, bars.volume)


def teach(home: Home, bars: Bars | None = None, *, as_of_ns: int = TAUGHT_NS, window: int | None = None) -> Version:
    """As `warden models train` does, under the name tides."""
    learnt = hourly("BTC/USDT", as_of_ns) if bars is None else bars
    learner = named("xgboost", SMALL)
    told = {"horizon": HORIZON, "as_of_ns": as_of_ns, "changes": SMALL, "window": window, "name": "tides"}
    return modelling.train(home, learnt, learner, **told)


def promote(home: Home, version: Version, now_ns: int) -> Version:
    """Over evidence that says more than there is: what a vote needs is tested with the registry."""
    registry = Registry(home.models)
    bars = hourly(version.symbol, now_ns)
    found, _, _ = gather(registry.load(version), version.digest, bars, history=780, costs=Costs(0.0, 0.0))
    better = replace(found.card, n=200, skill=found.card.skill + 9, log_skill=found.card.log_skill + 9)
    return registry.promote(version, replace(found, card=better, alarms=()), by="ada", reason="skill")
