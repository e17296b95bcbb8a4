"""What a recorded decision says of each symbol, as a signal: a direction, how strong, how sure, until when.

It is read from the record and from nothing else, so that whoever holds the record can work it out again. Where the desk
had no opinion there is an abstention, and never a neutral word.
"""

from decimal import Decimal
from typing import Final

from agents.contamination import label_of
from core import identity
from core.canonical import JSON, plain
from core.time import SECOND_NS, Timeframe

SCHEMA: Final = 1
_ONE: Final = Decimal(1)


def signals_of(record_id: str, record_hash: str, body: JSON, market: str) -> list[JSON]:
    """One signal for every symbol of a decision. `market` says where its prices are from, such as simulated or live."""
    return [_signal(symbol, record_id, record_hash, body, market) for symbol in body["symbols"]]


def _signal(symbol: str, record_id: str, record_hash: str, body: JSON, market: str) -> JSON:
    seen = body["snapshot"]["markets"].get(symbol) or {}
    plan = body["plans"][-1] if body["plans"] else None
    judged = None if plan is None else _of(symbol, plan["judgements"])
    answer = _answer(symbol, body)
    order = None if answer is None else answer["proposal"]["order"]
    strength = None if judged is None else judged["stance"]
    outlook = _of(symbol, (body["forecast"] or {}).get("outlooks", ()))
    horizon_s = _horizon_s(symbol, body, outlook)
    direction = _direction(order, strength)
    return plain(
        {
            "schema": SCHEMA,
            "signal_id": identity.signal_id(record_id, symbol),
            "symbol": symbol,
            "side": None if order is None else order["side"],
            "strength": strength,
            "abstains": _abstains(plan, judged),
            "confidence": _confidence(answer, outlook, direction),
            "price": seen.get("last"),
            "stop": None if answer is None else answer["proposal"]["stop_price"],
            "target": None if answer is None else answer["proposal"]["target_price"],
            "reduce_only": order is not None and order["reduce_only"],
            "verdict": None if answer is None else answer["kind"],
            "as_of_ns": body["as_of_ns"],
            "horizon_s": horizon_s,
            "expires_ns": body["as_of_ns"] + horizon_s * SECOND_NS,
            "market": market,
            "models": _models(symbol, body, outlook),
            "policy": body["policy"],
            "contamination": label_of(body),
            "record_id": record_id,
            "record_hash": record_hash,
        }
    )


def _answer(symbol: str, body: JSON) -> JSON:
    """The last word on the symbol's order: an entry before an exit, a revision before what it replaced."""
    mine = [a for a in body["answers"] if a["proposal"]["order"]["symbol"] == symbol]
    return max(mine, key=lambda a: (not a["proposal"]["order"]["reduce_only"], a["revision"]), default=None)


def _abstains(plan: JSON, judged: JSON) -> str | None:
    """Why there is no opinion; None where there is one."""
    if plan is None:
        return "nothing was planned"
    if plan["abstained"] is not None:
        return str(plan["abstained"])
    if judged is None:
        return "the planner said nothing of it"
    return None if judged["stance"] is not None else str(judged["reason"])


def _direction(order: JSON, strength: str | None) -> int:
    if order is not None:
        return 1 if order["side"] == "buy" else -1
    lean = Decimal(strength or 0)
    return int(lean > 0) - int(lean < 0)


def _confidence(answer: JSON, outlook: JSON, direction: int) -> JSON:
    """The probability that the direction is right, as far as an out-of-sample record supports one; else None."""
    proposal = None if answer is None else answer["proposal"]
    if proposal is not None and proposal.get("calibrated") and proposal["confidence"] is not None:
        return {"value": proposal["confidence"], "source": "the planner, calibrated by its record", "records": []}
    if outlook is None or outlook["p_up"] is None or not direction:
        return None
    p_up = Decimal(outlook["p_up"])
    fields = ("name", "regime", "n", "brier", "baseline_brier", "skill", "weight")
    lines = [{name: line[name] for name in fields} for line in outlook["lines"] if Decimal(line["weight"])]
    return {
        "value": p_up if direction > 0 else _ONE - p_up,
        "source": "forecasters that beat their naive baseline out of sample, weighted by skill",
        "records": lines,
    }


def _horizon_s(symbol: str, body: JSON, outlook: JSON) -> int:
    """As far as the forecast looks, else the opinion, else one bar."""
    bars = None if outlook is None else outlook["horizon_bars"]
    if bars is None:
        opinion = _of(symbol, (body["research"] or {}).get("opinions", ()))
        bars = None if opinion is None else opinion["horizon_bars"]
    return int(bars or 1) * Timeframe(body["timeframe"]).ns // SECOND_NS


def _models(symbol: str, body: JSON, outlook: JSON) -> JSON:
    """Who spoke, each by a name that tells its version."""
    mood = _of(symbol, (body["sentiment"] or {}).get("moods", ()))
    lines = () if outlook is None else outlook["lines"]
    return {
        "reasoner": body["reasoner"],
        "prompts": body["prompts"],
        "forecasters": [line["name"] for line in lines if Decimal(line["weight"])],
        "muted": [line["name"] for line in lines if not Decimal(line["weight"])],
        "sentiment": None if mood is None else mood["scorer"],
    }


def _of(symbol: str, found: JSON) -> JSON:
    return next((one for one in found if one["symbol"] == symbol), None)
