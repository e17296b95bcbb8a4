"""What becomes of a topic's events when its consumer is slower than the market.

The kind of a topic is what stands before its first colon. Of a state only the newest counts; an event is never thrown
away without a word: its room is large and bounded, and what did not fit is counted and told to the consumer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class TopicPolicy:
    """`conflate`: a consumer gets the newest alone. Otherwise all of them, of which up to `bound` may wait."""

    conflate: bool
    bound: int = 1


STATE: Final = TopicPolicy(conflate=True)
EVENTS: Final = TopicPolicy(conflate=False, bound=100_000)
POLICIES: Final[dict[str, TopicPolicy]] = {
    "book": STATE,
    "ticker": STATE,
    "health": STATE,
    "trades": EVENTS,
    "candles": EVENTS,
    "texts": EVENTS,
}


def topic_of(kind: str, venue: str, symbol: str) -> str:
    """Such as `book:binance:BTC/USDT`."""
    return f"{kind}:{venue}:{symbol}"


def policy_of(topic: str, policies: dict[str, TopicPolicy] = POLICIES) -> TopicPolicy:
    """By the topic's kind; an unknown kind is refused, as nobody has said whether it may be conflated."""
    kind = topic.partition(":")[0]
    if kind not in policies:
        raise ConfigError(f"found a topic {topic!r}, allowed kinds are {', '.join(policies)}")
    return policies[kind]
