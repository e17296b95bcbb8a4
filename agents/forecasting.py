"""Asks every forecaster about one symbol, as canonical JSON: the effect behind `forecast`. No language model."""

from collections.abc import Sequence
from decimal import Decimal

from core.bars import Bars
from core.canonical import JSON, digest, plain
from core.money import ZERO, significant
from core.ports import Abstain, Forecaster
from models.scores import walk_forward
from models.settings import ModelSettings


def ask_forecasters(symbol: str, bars: Bars, forecasters: Sequence[Forecaster], settings: ModelSettings) -> JSON:
    """An `Outlook` as JSON: each forecast beside its walk-forward record, and their skill-weighted mean.

    A forecaster without a scorecard, or below its naive baseline, has no vote; with no votes there is no `p_up`.
    """
    lines: list[dict[str, JSON]] = []
    silent: list[dict[str, JSON]] = []
    for forecaster in forecasters:
        forecast = forecaster.predict(bars, horizon=settings.horizon_bars)
        if isinstance(forecast, Abstain):
            silent.append({"symbol": symbol, "reason": f"{forecaster.name}: {forecast.reason}"})
            continue
        card = walk_forward(forecaster, bars, horizon=settings.horizon_bars, origins=settings.score_origins)
        if isinstance(card, Abstain):
            silent.append({"symbol": symbol, "reason": f"{forecaster.name}: {card.reason}"})
            continue
        lines.append(plain({**plain(forecast), **plain(card)}))
    if not lines:
        return {"symbol": symbol, "reason": "; ".join(s["reason"] for s in silent) or "no forecaster is registered"}
    outlook = {
        "symbol": symbol,
        "horizon_bars": settings.horizon_bars,
        "p_up": _weighted(lines),
        "lines": lines,
        "silent": silent,
    }
    return {**outlook, "evidence": [f"forecast:{symbol}:{digest(outlook)[:12]}"]}


def _weighted(lines: Sequence[dict[str, JSON]]) -> str | None:
    weights = [Decimal(line["weight"]) for line in lines]
    total = sum(weights, ZERO)
    if total == 0:
        return None
    mean = sum((w * Decimal(line["p_up"]) for w, line in zip(weights, lines, strict=True)), ZERO) / total
    return significant(float(mean))
