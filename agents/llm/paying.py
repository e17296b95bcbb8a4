"""Where a call is paid: reserved before it leaves, settled when it is answered, and given back where it is not."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from agents.bill import Bill, Charge
from agents.llm.budget import Budget
from agents.llm.presets import Form
from agents.llm.saying import MAYBE_BILLED, Completion, Unanswered, Why
from core.errors import DeskBusy


@dataclass(slots=True)
class Calling:
    """One call on its way. `began` says that something was answered, `said` what was answered in the end."""

    began: bool = False
    said: Completion | None = None


class Till:
    """Keeps what calls cost, on the bill of who asks and in the ledger of the day. `monotonic` is in seconds."""

    def __init__(self, budget: Budget, monotonic: Callable[[], float]) -> None:
        self._budget = budget
        self._monotonic = monotonic

    @contextmanager
    def call(
        self, role: str, lane: str, bill: Bill, model: str, form: Form, body: Mapping[str, Any]
    ) -> Iterator[Calling]:
        """The call of `body` is made inside. Raises Unanswered where a cap has no room for it."""
        size = len(json.dumps(body, ensure_ascii=False).encode(errors="replace"))
        try:
            held = self._budget.reserve(role, model, size, bill)
        except DeskBusy as busy:
            raise Unanswered(Why.BUDGET, str(busy)) from None
        began, calling = self._monotonic(), Calling()
        billed = True  # cancelled on its way, it may be carried out and billed
        try:
            yield calling
        except Unanswered as unanswered:
            billed = calling.began or unanswered.why in MAYBE_BILLED
            raise
        finally:
            if calling.said is None:
                self._budget.give_back(held, bill, billed=billed)
        if calling.said is None:
            return
        used = calling.said.usage
        bill.charges.append(
            Charge(
                role=role,
                lane=lane,
                model=calling.said.model or model,
                form=form.value,
                prompt_tokens=used.prompt_tokens if used else 0,
                cached_tokens=used.cached_tokens if used else 0,
                completion_tokens=used.completion_tokens if used else 0,
                cost=self._budget.settle(held, used, bill),
                latency_us=int((self._monotonic() - began) * 1_000_000),
            )
        )
