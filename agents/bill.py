"""What the language models of one decision cost. It goes into the annex of the record, never into its hash."""

from dataclasses import dataclass, field
from decimal import Decimal

from core.canonical import JSON, plain
from core.money import ZERO


@dataclass(frozen=True, slots=True)
class Charge:
    """One completion: tokens, US dollars and microseconds. `reused` came from the completion cache and cost nothing."""

    role: str
    lane: str
    model: str
    form: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost: Decimal
    latency_us: int
    reused: bool = False


@dataclass(slots=True)
class Bill:
    """Every charge of one decision, and what is reserved for calls on their way.

    `decision` names it, so that what it spent before its process was killed is counted; empty where it has no name.
    """

    decision: str = ""
    charges: list[Charge] = field(default_factory=list)
    reserved: Decimal = ZERO
    lost: Decimal = ZERO  # reserved for calls that failed and may have been billed all the same

    @property
    def committed(self) -> Decimal:
        return sum((c.cost for c in self.charges), ZERO) + self.reserved + self.lost

    def told(self) -> JSON:
        """For the annex; None where no model was asked."""
        if not self.charges and not self.lost:
            return None
        return plain(
            {
                "calls": self.charges,
                "prompt_tokens": sum(c.prompt_tokens for c in self.charges),
                "completion_tokens": sum(c.completion_tokens for c in self.charges),
                "cost_usd": self.committed - self.reserved,
                "lost_usd": self.lost,
            }
        )
