"""A model that talks with a person: its words as they come, under a budget of their own.

Once a word is out, nothing is asked again: what breaks off then is told as it is. Before that the next model is asked.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from time import monotonic as _monotonic
from typing import Final

from agents.bill import Bill
from agents.llm.budget import Budget
from agents.llm.client import Client
from agents.llm.paying import Till
from agents.llm.question import Asked
from agents.llm.retrying import in_order
from agents.llm.saying import Completion, Unanswered, Why
from agents.llm.settings import LlmSettings

CHAT: Final = "chat"


class Streamer:
    """What it costs is counted under `chat`, apart from decisions."""

    def __init__(
        self, settings: LlmSettings, client: Client, budget: Budget, monotonic: Callable[[], float] = _monotonic
    ) -> None:
        self._settings = settings
        self._client = client
        self._till = Till(budget, monotonic)
        self.name = f"llm {settings.provider} {settings.models_of(CHAT)[0]}"

    async def stream(self, asked: Asked, bill: Bill) -> AsyncGenerator[str | Completion, None]:
        """The text as it comes, and the whole completion last. Raises Unanswered where no model answers."""
        async with self._client.opened():
            models = self._settings.models_of(CHAT)
            async with aclosing(in_order(models, lambda model: self._from(model, asked, bill))) as parts:
                async for part in parts:
                    yield part

    async def _from(self, model: str, asked: Asked, bill: Bill) -> AsyncGenerator[str | Completion, None]:
        form = self._settings.preset.form
        body = self._client.body(model, asked, form)
        with self._till.call(CHAT, CHAT, bill, model, form, body) as calling:
            async with aclosing(self._client.stream(body, float(self._settings.timeout_s))) as parts:
                async for part in parts:
                    if isinstance(part, Completion):
                        calling.said = part
                        break
                    calling.began = True
                    yield part
            if calling.said is None:
                raise Unanswered(Why.MALFORMED, "the stream ended without an end")
        yield calling.said
