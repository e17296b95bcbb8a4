"""One question to whoever answers: models in order, forms by the ladder, money reserved, and the time kept."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from time import monotonic as _monotonic
from typing import Protocol

from agents.bill import Bill, Charge
from agents.llm.budget import Budget
from agents.llm.client import Client
from agents.llm.ladder import below
from agents.llm.paying import Till
from agents.llm.presets import Form, Preset
from agents.llm.question import Asked, Question
from agents.llm.retrying import Breaker, Retrying, in_order
from agents.llm.saying import Completion, Unanswered, Why, read_back
from agents.llm.settings import LlmSettings
from agents.llm.shelf import Shelf
from core.canonical import digest
from core.money import ZERO


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks, who pays, and until when (monotonic seconds). `sample` tells equal questions apart."""

    role: str
    lane: str
    bill: Bill
    until: float
    sample: int = 0


class Talking(Protocol):
    """A way to the models of a role; a replay has none."""

    def until(self) -> float:
        """When a stage that begins now must have ended, in monotonic seconds."""

    async def answer(self, asked: Asked, account: Account) -> tuple[Form, Completion]:
        """Raises Unanswered where no model answers, with the last reason."""


class Talker:
    """Asks the models of a role. Everything that may differ from call to call stays in here, behind one effect."""

    def __init__(
        self,
        settings: LlmSettings,
        preset: Preset,
        client: Client,
        budget: Budget,
        shelf: Shelf | None = None,
        monotonic: Callable[[], float] = _monotonic,
    ) -> None:
        self._settings = settings
        self._preset = preset
        self._client = client
        self._till = Till(budget, monotonic)
        self._shelf = shelf
        self._monotonic = monotonic
        self._again = Retrying(settings)
        self._breaker = Breaker(settings, monotonic)
        self._forms: dict[tuple[str, bool], Form] = {}

    def until(self) -> float:
        return self._monotonic() + float(self._settings.stage_timeout_s)

    async def answer(self, asked: Asked, account: Account) -> tuple[Form, Completion]:
        models = self._settings.models_of(account.role)
        name = "" if self._shelf is None else self._name(asked, account, models)
        kept = None if self._shelf is None else _kept(self._shelf, name)
        if kept is not None:
            form, completion = kept
            account.bill.charges.append(
                Charge(account.role, account.lane, completion.model, form.value, 0, 0, 0, ZERO, 0, reused=True)
            )
            return kept
        async with self._client.opened():
            form, completion = await self._first(models, asked, account)
        if self._shelf is not None:
            self._shelf.put(name, completion.stored(form))
        return form, completion

    async def _first(self, models: tuple[str, ...], asked: Asked, account: Account) -> tuple[Form, Completion]:
        async def ask(model: str) -> AsyncGenerator[tuple[Form, Completion], None]:
            self._breaker.enter(model)
            yield await self._from(model, asked, account)

        async with aclosing(in_order(models, ask)) as answers:
            return await anext(answers)

    async def _from(self, model: str, asked: Asked, account: Account) -> tuple[Form, Completion]:
        """Down the ladder as far as the server refuses a form; the first that it takes is remembered."""
        has_tools = bool(asked.tools)
        best = self._preset.with_tools if has_tools else self._preset.form
        form: Form | None = self._forms.get((model, has_tools), best)
        refused: Unanswered | None = None
        while form is not None:
            try:
                completion = await self._patiently(model, asked, form, account)
            except Unanswered as unanswered:
                if unanswered.why is not Why.REFUSED or asked.schema is None:
                    raise
                refused, form = unanswered, below(form)
                continue
            self._forms[model, has_tools] = form
            return form, completion
        raise refused or Unanswered(Why.REFUSED, "no form is left")

    async def _patiently(self, model: str, asked: Asked, form: Form, account: Account) -> Completion:
        async def once() -> Completion:
            try:
                completion = await self._paid(model, asked, form, account)
            except Unanswered as unanswered:
                self._breaker.heard(model, unanswered)
                raise
            self._breaker.heard(model, None)
            return completion

        return await self._again(once, lambda: account.until - self._monotonic())

    async def _paid(self, model: str, asked: Asked, form: Form, account: Account) -> Completion:
        left_s = account.until - self._monotonic()
        if left_s <= 0:
            raise Unanswered(Why.TIMED_OUT, f"the stage had {self._settings.stage_timeout_s} s")
        body = self._client.body(model, asked, form)
        with self._till.call(account.role, account.lane, account.bill, model, form, body) as calling:
            said = await self._client.ask(body, min(float(self._settings.timeout_s), left_s))
            calling.said = said
        return said

    def _name(self, asked: Asked, account: Account, models: tuple[str, ...]) -> str:
        """Of everything that the answer depends on."""
        question = {"at": self._settings.address, "models": models, "most": self._settings.max_tokens}
        return digest({**question, "sample": account.sample, "asked": Question.of(asked).whole})


def _kept(shelf: Shelf, name: str) -> tuple[Form, Completion] | None:
    """What does not read was never kept."""
    try:
        return read_back(shelf.get(name))
    except ValueError:
        return None
