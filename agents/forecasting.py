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


def look_back(
    market: MarketView, symbol: str, timeframe: Timeframe, settings: ModelSettings, *, as_of_ns: int
) -> tuple[Bars, tuple[OutsideSignal, ...]]:
    """The bars and signals of a market that were known at `as_of_ns`: what `ask_forecasters` is asked about."""
    bars = market.bars(symbol, timeframe, as_of_ns=as_of_ns, n=settings.history_bars)
    if not len(bars):
        return bars, ()
    # One that was told before the first bar still speaks at it, for a horizon.
    since_ns = int(bars.open_ns[0]) - settings.horizon_bars * timeframe.ns
    return bars, market.signals(symbol, since_ns=since_ns, as_of_ns=as_of_ns)


def ask_forecasters(
    symbol: str,
    bars: Bars,
    signals: Sequence[OutsideSignal],
    forecasters: Sequence[Forecaster],
    settings: ModelSettings,
    shadows: Sequence[Forecaster] = (),
) -> JSON:
    """An `Outlook` as JSON: each forecast beside its record out of sample, and their skill-weighted mean.

    A forecaster or signal without a scorecard, or below its naive baseline, has no vote; with no votes there is no
    `p_up`. Those in the shadow have none whatever their record says: it is kept so that they can earn one. A signal is
    a number that somebody typed, and so is a series that a model reads beside the bars: where one of these has a vote
    the outlook is derived, and no longer ours.
    """
    lines: list[dict[str, JSON]] = []
    silent: list[dict[str, JSON]] = []
    taint = Taint.TRUSTED
    from_outside = {one.source for one in signals} | {one.name for one in forecasters if getattr(one, "needs", ())}
    own = [*_forecasts(bars, forecasters, settings), *_of_signals(bars, signals, settings)]
    told = [(False, one) for one in own] + [(True, one) for one in _forecasts(bars, shadows, settings)]
    for shadow, (name, forecast, card) in told:
        unsaid = next((one.reason for one in (forecast, card) if isinstance(one, Abstain)), None)
        if unsaid is not None:
            shown = f"{name} (shadow)" if shadow else name
            silent.append({"symbol": symbol, "reason": f"{shown}: {unsaid}"})
            continue
        line = plain({**plain(forecast), **plain(card), "shadow": shadow})
        if shadow:
            line["weight"] = "0"
        lines.append(line)
        if Decimal(line["weight"]) and name in from_outside:
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
