"""Money for models: reserved before each call, settled after it, and kept through a restart.

The most that a call can cost is what its prompt is long, at a byte and a half a token, and the longest answer.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, Protocol

from agents.bill import Bill
from agents.llm.saying import Unanswered, Usage, Why
from agents.llm.settings import LlmBudget, LlmPrice, LlmSettings
from core.errors import DeskBusy
from core.money import ZERO, text_of

MILLION: Final = Decimal(1_000_000)
_APART: Final = ("reader", "chat")
_BYTES_A_TOKEN: Final = Decimal("1.5")
_UNCOUNTED: Final = Usage(0, 0, 0)
# In a day's file, before the name of a decision: what the roles spent, told once more.
DECISION: Final = "decision:"

Spent = Mapping[str, Decimal]
Check = Callable[[Spent], None]


class Ledger(Protocol):
    """What was spent of a day, by role and by decision, in US dollars; and what was `used` for it."""

    def spent(self, day: str) -> Spent: ...
    def add(
        self, day: str, names: tuple[str, ...], amount: Decimal, check: Check | None = None, used: Usage | None = None
    ) -> None:
        """Adds to each name what `check` lets pass: nobody else adds between the two. It raises what `check` raises.

        The first name is the role, which used the tokens.
        """


@dataclass(frozen=True, slots=True)
class Reservation:
    """What one call may cost at most, and the `names` that it is booked to. `prompt_tokens` is an upper bound."""

    day: str
    names: tuple[str, ...]
    model: str
    amount: Decimal
    prompt_tokens: int


class Budget:
    """Caps of a decision, a day and a role. `today` names the day by the wall clock: money is spent now."""

    def __init__(self, settings: LlmSettings, ledger: Ledger, today: Callable[[], str]) -> None:
        self._caps: LlmBudget = settings.budget
        self._price: Callable[[str], LlmPrice] = settings.price_of
        self._max_tokens = settings.max_tokens
        self._ledger = ledger
        self._today = today

    def reserve(self, role: str, model: str, prompt_bytes: int, bill: Bill) -> Reservation:
        """Sets aside the most that a call can cost. Raises Unanswered where a cap has no room for it."""
        price, tokens = self._price(model), int(prompt_bytes / _BYTES_A_TOKEN) + 1
        amount = (tokens * price.prompt + self._max_tokens * price.completion) / MILLION
        day, names = self._today(), _names(role, bill)
        try:
            # A decision that began yesterday, and whose process died there, goes on with what it has left.
            before = self._ledger.spent(_day_before(day)).get(names[-1], ZERO) if len(names) > 1 else ZERO
            self._ledger.add(day, names, amount, lambda spent: self._refuse(names, amount, spent, before, bill))
        except OSError as unkept:
            raise Unanswered(Why.BUDGET, f"what is spent cannot be written down ({type(unkept).__name__})") from None
        bill.reserved += amount
        return Reservation(day, names, model, amount, tokens)

    def settle(self, held: Reservation, usage: Usage | None, bill: Bill) -> Decimal:
        """What it did cost; a server that counts no tokens is believed to have used all that was reserved."""
        price, cost = self._price(held.model), held.amount
        if usage is not None:
            cached = price.prompt if price.cached is None else price.cached
            fresh = usage.prompt_tokens - usage.cached_tokens
            told = fresh * price.prompt + usage.cached_tokens * cached + usage.completion_tokens * price.completion
            cost = told / MILLION
        bill.reserved -= held.amount
        self._correct(held, cost - held.amount, usage or _UNCOUNTED)
        return cost

    def give_back(self, held: Reservation, bill: Bill, *, billed: bool) -> None:
        """After a call without an answer: what may have been billed stays spent."""
        bill.reserved -= held.amount
        if billed:
            bill.lost += held.amount
        else:
            self._correct(held, -held.amount)

    def _correct(self, held: Reservation, by: Decimal, used: Usage | None = None) -> None:
        """What cannot be written down now stays spent as it was reserved: no answer is lost for it."""
        with suppress(DeskBusy, OSError, Unanswered):
            self._ledger.add(held.day, held.names, by, used=used)

    def _refuse(self, names: tuple[str, ...], amount: Decimal, spent: Spent, before: Decimal, bill: Bill) -> None:
        caps, role = self._caps, names[0]
        if role in _APART:
            found, most, name = spent.get(role, ZERO), getattr(caps, role), f"{role} a day"
        else:
            found = sum((c for of, c in spent.items() if of not in _APART and not of.startswith(DECISION)), ZERO)
            most, name = caps.day, "decisions a day"
            # The ledger outlives the process, the bill does not: whichever knows of more.
            committed = max(bill.committed, before + spent.get(names[-1], ZERO)) if len(names) > 1 else bill.committed
            if committed + amount > caps.decision:
                found, most, name = committed, caps.decision, "a decision"
        if found + amount > most:
            told = (
                f"{_cents(found)} of {_cents(most)} USD for {name} are spent, the next call may cost {_cents(amount)}"
            )
            raise Unanswered(Why.BUDGET, told)


def _names(role: str, bill: Bill) -> tuple[str, ...]:
    """What a call is booked to: its role, and its decision where it is part of one that has a name."""
    return (role,) if role in _APART or not bill.decision else (role, f"{DECISION}{bill.decision}")


def _day_before(day: str) -> str:
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()


def _cents(amount: Decimal) -> str:
    return text_of(amount.quantize(Decimal("0.0001")))
