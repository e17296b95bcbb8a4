"""The doctor's look at what stored signals have been worth, as a cycle would weigh them now."""

from __future__ import annotations

from functools import partial

from core.errors import DeskError
from core.ports import Abstain
from core.time import Timeframe
from desk.findings import Finding, look
from desk.settings import Settings
from market.sources.items import SIGNAL
from market.store.candles import BarsKey
from market.store.series import SeriesKey
from market.store.store import MarketStore
from market.stored import StoredMarket
from models.regimes import ANY
from models.scores import Scorecard
from models.signals import judge_signal


def examine(store: MarketStore, settings: Settings, now_ns: int) -> list[Finding]:
    """One line for each source that says where an asset goes; none where the store itself cannot be read."""
    try:
        keys = [key for key in store.series.held() if key.series == SIGNAL]
    except DeskError:
        return []
    return [look(f"{key.source} {key.asset}", partial(_worth, store, key, settings, now_ns)) for key in keys]


def _worth(store: MarketStore, key: SeriesKey, settings: Settings, now_ns: int) -> str:
    candles = _candles(store, key.asset)
    if candles is None:
        return f"no vote: there are no candles of {key.asset} in the store to judge it by"
    spread, models = settings.market.assumed_spread_bps, settings.models.settings()
    market = StoredMarket(store, candles.venue, (candles.symbol,), candles.timeframe, assumed_spread_bps=spread)
    timeframe, horizon = market.decision_timeframe, models.horizon_bars
    bars = market.bars(candles.symbol, timeframe, as_of_ns=now_ns, n=models.history_bars)
    since_ns = (int(bars.open_ns[0]) if len(bars) else now_ns) - horizon * timeframe.ns
    signals = market.signals(candles.symbol, since_ns=since_ns, as_of_ns=now_ns)
    said = [signal for signal in signals if signal.source == key.source]
    card = judge_signal(key.source, said, bars, horizon=horizon, origins=models.score_origins)
    judged = f"over {horizon} bars of {candles.venue} {candles.symbol} {timeframe}"
    return f"no vote: {card.reason} {judged}" if isinstance(card, Abstain) else f"{_shown(card)}, {judged}"


def _shown(card: Scorecard) -> str:
    vote = f"votes with weight {card.weight:.3f}" if card.weight else "muted"
    returns = f"mean return {card.mean_return:+.2%} against {card.naive_return:+.2%} naive"
    within = "" if card.regime == ANY else f" while {card.regime} as now"
    scores = f"Brier {card.brier:.3f} against {card.baseline_brier:.3f}"
    return f"{vote}: right {card.hit_rate:.0%} of {card.n} times{within}, {returns}, {scores}"


def _candles(store: MarketStore, asset: str) -> BarsKey | None:
    """Spot candles of an asset: the coarsest on which the desk still decides hourly, else the finest there are."""
    held = [key for key in store.candles.held() if key.symbol.partition("/")[0] == asset and ":" not in key.symbol]
    hourly = [key for key in held if key.timeframe.ns <= Timeframe.H1.ns]
    if hourly:
        return max(hourly, key=lambda key: key.timeframe.ns)
    return min(held, key=lambda key: key.timeframe.ns, default=None)
