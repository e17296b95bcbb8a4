"""A talker to a server on this machine, without a desk around it."""

from decimal import Decimal
from typing import Any

from agents.bill import Bill
from agents.llm.budget import Budget, Check
from agents.llm.client import Client, Endpoint
from agents.llm.drafts import OpinionDraft
from agents.llm.ladder import Answering
from agents.llm.loop import Caps, converse
from agents.llm.presets import Form
from agents.llm.question import Asked
from agents.llm.saying import Completion, Usage
from agents.llm.settings import LlmSettings
from agents.llm.talking import Account, Talker
from core.canonical import Canonical
from core.errors import ToolInputError
from core.ports import Abstain
from core.secret import Secret
from tests.agents.llm.desks import llm

TOOL = Canonical.of(
    {
        "type": "function",
        "function": {"name": "look", "description": "looks", "parameters": {"type": "object", "properties": {}}},
    }
)
FILLED = {
    "abstain": None,
    "stance": 0.5,
    "conviction": 0.5,
    "horizon_bars": 24,
    "claims": [{"text": "it rises", "about": "BTC/USDT", "evidence": ["look:BTC/USDT:1"], "figures": []}],
    "risks": [],
    "change_my_mind": [],
}


class MemoryLedger:
    """What was spent, for as long as the test runs."""

    def __init__(self) -> None:
        self.days: dict[str, dict[str, Decimal]] = {}

    def spent(self, day: str) -> dict[str, Decimal]:
        return dict(self.days.get(day, {}))

    def add(
        self, day: str, names: tuple[str, ...], amount: Decimal, check: Check | None = None, used: Usage | None = None
    ) -> None:
        if check is not None:
            check(self.spent(day))
        kept = self.days.setdefault(day, {})
        kept |= {name: kept.get(name, Decimal(0)) + amount for name in names}


def talker(settings: LlmSettings, ledger: MemoryLedger | None = None, **more: Any) -> Talker:
    client = Client(Endpoint(settings.address, Secret("sk-planted-key-123456")), max_tokens=settings.max_tokens, **more)
    return Talker(settings, settings.preset, client, Budget(settings, ledger or MemoryLedger(), lambda: "2026-01-01"))


async def use(name: str, arguments: dict[str, Any]) -> str:
    if arguments:
        raise ToolInputError("look takes no arguments")
    return "{}"


async def talk_to(
    url: str, bill: Bill | None = None, *, own: Talker | None = None, **more: object
) -> OpinionDraft | Abstain:
    """One opinion, from a server, with one tool."""
    settings = llm(url, **more)
    speaking = own or talker(settings)
    account = Account("research", "BTC/USDT", bill or Bill(), speaking.until())

    async def talk(asked: Asked) -> tuple[Form, Completion]:
        return await speaking.answer(asked, account)

    messages = ({"role": "system", "content": "judge"}, {"role": "user", "content": "BTC/USDT"})
    caps = Caps(settings.turns, settings.calls, settings.prompt_tokens)
    return await converse(talk, Answering(OpinionDraft), messages, (TOOL,), use, caps)
