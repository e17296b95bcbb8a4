"""A model that reads one text into a typed answer: no tools, no memory, and an account of its own."""

from typing import Final, TypeVar

from pydantic import BaseModel

from agents.bill import Bill
from agents.llm.ladder import Answering
from agents.llm.loop import Caps, converse
from agents.llm.presets import Form
from agents.llm.question import Asked
from agents.llm.saying import Completion
from agents.llm.settings import LlmSettings
from agents.llm.talking import Account, Talking
from core.ports import Abstain

A = TypeVar("A", bound=BaseModel)

READER: Final = "reader"


class LlmSpeaker:
    """What it costs is counted under `reader`, apart from decisions."""

    def __init__(self, settings: LlmSettings, talker: Talking) -> None:
        self._talker = talker
        self._caps = Caps(turns=1, calls=0, prompt_tokens=settings.prompt_tokens)
        self.name = f"llm {settings.provider} {settings.models_of(READER)[0]}"

    async def fill(self, role: str, system: str, text: str, answer: type[A]) -> A | Abstain:
        account = Account(READER, role, Bill(), self._talker.until())

        async def talk(asked: Asked) -> tuple[Form, Completion]:
            return await self._talker.answer(asked, account)

        messages = ({"role": "system", "content": system}, {"role": "user", "content": text})
        return await converse(talk, Answering(answer), messages, (), _no_tool, self._caps)


async def _no_tool(name: str, arguments: object) -> str:
    return f"error: there is no tool {name[:40]!r}"
