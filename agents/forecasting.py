"""Asks forecasters and outside signals about one symbol, as canonical JSON: the effect behind `forecast`.

No language model.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from core.bars import Bars
from core.canonical import JSON, digest, digest_bytes, plain
from core.money import ZERO, significant
from core.ports import Abstain, Forecast, Forecaster, MarketView
from core.quotes import OutsideSignal
from core.taint import Taint
from core.time import Timeframe
from models.scores import Scorecard, walk_forward
from models.settings import ModelSettings
from models.signals import judge_signal, read_signal


def look_ahead(
    market: MarketView,
    symbol: str,
    timeframe: Timeframe,
    forecasters: Sequence[Forecaster],
    settings: ModelSettings,
    *,
    as_of_ns: int,
) -> JSON:
    """What `ask_forecasters` answers to the bars and signals of a market that were known at `as_of_ns`."""
    bars = market.bars(symbol, timeframe, as_of_ns=as_of_ns, n=settings.history_bars)
    if not len(bars):
        return ask_forecasters(symbol, bars, (), forecasters, settings)
    # One that was told before the first bar still speaks at it, for a horizon.
    since_ns = int(bars.open_ns[0]) - settings.horizon_bars * timeframe.ns
    signals = market.signals(symbol, since_ns=since_ns, as_of_ns=as_of_ns)
    return ask_forecasters(symbol, bars, signals, forecasters, settings)


def ask_forecasters(
    symbol: str,
    bars: Bars,
    signals: Sequence[OutsideSignal],
    forecasters: Sequence[Forecaster],
    settings: ModelSettings,
) -> JSON:
    """An `Outlook` as JSON: each forecast beside its record out of sample, and their skill-weighted mean.

    A forecaster or signal without a scorecard, or below its naive baseline, has no vote; with no votes there is no
    `p_up`. A signal is a number that somebody typed: where one has a vote the outlook is derived, and no longer ours.
    """
    lines: list[dict[str, JSON]] = []
    silent: list[dict[str, JSON]] = []
    taint = Taint.TRUSTED
    told = [*_forecasts(bars, forecasters, settings), *_of_signals(bars, signals, settings)]
    for name, forecast, card in told:
        unsaid = next((one.reason for one in (forecast, card) if isinstance(one, Abstain)), None)
        if unsaid is not None:
            silent.append({"symbol": symbol, "reason": f"{name}: {unsaid}"})
            continue
        line = plain({**plain(forecast), **plain(card)})
        lines.append(line)
        if Decimal(line["weight"]) and any(one.source == name for one in signals):
            taint = Taint.DERIVED
    if not lines:
        return {"symbol": symbol, "reason": "; ".join(s["reason"] for s in silent) or "no forecaster is registered"}
    outlook = {
        "symbol": symbol,
        "horizon_bars": settings.horizon_bars,
        "p_up": _weighted(lines),
        "lines": lines,
        "silent": silent,
        "taint": int(taint),
    }
    evidence = [f"forecast:{symbol}:{digest(outlook)[:12]}"]
    if signals:
        evidence.append(f"signals:{symbol}:{_signals_digest(signals)[:12]}")
    return {**outlook, "evidence": evidence}


def _signals_digest(signals: Sequence[OutsideSignal]) -> str:
    """Names exactly what was read of signals, without storing it: there may be thousands."""
    rows = (f"{s.source}|{s.value}|{s.ts_event_ns}|{s.known_at_ns}|{int(s.taint)}" for s in signals)
    return digest_bytes("\n".join(rows).encode())


_Told = tuple[str, Forecast | Abstain, Scorecard | Abstain]


def _forecasts(bars: Bars, forecasters: Sequence[Forecaster], settings: ModelSettings) -> Iterator[_Told]:
    horizon, origins = settings.horizon_bars, settings.score_origins
    for one in forecasters:
        forecast = one.predict(bars, horizon=horizon)
        # One that has nothing to say now is not asked sixty times what it said before.
        card = forecast if isinstance(forecast, Abstain) else walk_forward(one, bars, horizon=horizon, origins=origins)
        yield one.name, forecast, card


def _of_signals(bars: Bars, signals: Sequence[OutsideSignal], settings: ModelSettings) -> Iterator[_Told]:
    horizon, origins = settings.horizon_bars, settings.score_origins
    for source in sorted({signal.source for signal in signals}):
        said = [signal for signal in signals if signal.source == source]
        forecast = read_signal(source, said, bars, horizon=horizon)
        yield source, forecast, judge_signal(source, said, bars, horizon=horizon, origins=origins)


def _weighted(lines: Sequence[dict[str, JSON]]) -> str | None:
    weights = [Decimal(line["weight"]) for line in lines]
    total = sum(weights, ZERO)
    if total == 0:
        return None
    mean = sum((w * Decimal(line["p_up"]) for w, line in zip(weights, lines, strict=True)), ZERO) / total
    return significant(float(mean))
