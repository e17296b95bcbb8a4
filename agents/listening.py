"""Scores the texts of one symbol, as canonical JSON: the effect behind `sentiment`.

Of a text that speaks of several assets the clauses about this one are read.
"""

from collections.abc import Sequence

from agents.ports import Scorer
from core.canonical import JSON, digest, plain
from core.money import ONE
from core.ports import Abstain
from core.quotes import NewsItem
from core.taint import Taint
from core.time import SECOND_NS
from market.sources.assets import assets_in
from models.sentiment import first_tellings, rolling_score
from models.sentiment.attribution import about
from models.settings import ModelSettings


def score_texts(symbol: str, texts: Sequence[NewsItem], scorer: Scorer, settings: ModelSettings, as_of_ns: int) -> JSON:
    """A `Mood` as JSON, or an abstention. A repeated headline counts once; a text that tried to give orders never."""
    read = [t for t in texts if t.taint is not Taint.HOSTILE]
    first = [read[at] for at in first_tellings([t.headline for t in read])]
    asset = symbol.partition("/")[0]
    clauses = ((text, about(text.headline, asset, assets_in)) for text in first)
    spoken = [(text, clause) for text, clause in clauses if not isinstance(clause, Abstain)]
    scores = scorer.score_many([clause for _, clause in spoken])
    scored = [(text, s) for (text, _), s in zip(spoken, scores, strict=True) if not isinstance(s, Abstain)]
    if not scored:
        return {"symbol": symbol, "reason": f"none of {len(texts)} texts could be scored"}
    ages = [(as_of_ns - t.known_at_ns) / SECOND_NS for t, _ in scored]
    weights = [float(settings.source_weights.get(t.source, ONE)) for t, _ in scored]
    rolling = rolling_score([s for _, s in scored], ages, settings.half_life_s, weights)
    if isinstance(rolling, Abstain):
        return {"symbol": symbol, "reason": rolling.reason}
    if rolling.effective < settings.least_effective_texts:
        found, least = f"{rolling.effective:.2f}", settings.least_effective_texts
        return {"symbol": symbol, "reason": f"texts are worth {found} fresh ones, {least} needed"}
    return plain(
        {
            "symbol": symbol,
            "score": rolling.score,
            "effective": rolling.effective,
            "texts": len(scored),
            "scorer": scorer.name,
            "fallback": scorer.fallback,
            "evidence": [f"text:{symbol}:{digest(t)[:12]}" for t, _ in scored],
        }
    )
