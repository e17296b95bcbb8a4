"""A language model behind the reasoner port. It fills typed drafts; code makes views and orders of them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeVar, cast

from pydantic import BaseModel

from agents.contamination import Taught
from agents.cycle import Answered, Cycle
from agents.llm.drafts import OpinionDraft, PlanDraft, RulingsDraft
from agents.llm.ladder import Answering
from agents.llm.loop import Caps, UseTool, converse, side_by_side
from agents.llm.masked import offered, real_arguments, real_draft, refusal, shown_answer
from agents.llm.plans import Planner, disagreeing, problem_of
from agents.llm.presets import Form
from agents.llm.question import Asked
from agents.llm.recorded import answered
from agents.llm.research import ACCOUNT_TOOLS, OPENING, opinion_of
from agents.llm.saying import Completion
from agents.llm.settings import LlmSettings
from agents.llm.showing import shown
from agents.llm.talking import Account, Talking
from agents.masked import shown_cycle
from agents.ports import Brief, Role
from agents.views import Judgement, Opinion, Plan, Ruling, Rulings
from core.canonical import JSON, Canonical
from core.errors import ToolInputError
from core.money import ONE, ZERO
from core.ports import Abstain
from tools.toolbox import Toolbox

A = TypeVar("A", bound=BaseModel)
D = TypeVar("D", bound=BaseModel)

VERSION: Final = 1
NODE: Final = "model:"  # completions are numbered apart from the tools of their stage


class LlmReasoner:
    """Answers every role by a model, or abstains: a model that fails, rambles or costs too much has no opinion."""

    traces = False

    def __init__(self, settings: LlmSettings, talker: Talking) -> None:
        self._settings = settings
        self._talker = talker
        self.taught = Taught(settings.cutoff)
        self.name = f"llm/{VERSION} {settings.provider} {settings.models_of(Role.PLAN)[0]}"

    async def structured(self, brief: Brief, answer: type[A], toolbox: Toolbox) -> A | Abstain:
        roles: Mapping[Role, Callable[[Brief, Toolbox], Awaitable[BaseModel | Abstain]]] = {
            Role.RESEARCH: self._research,
            Role.PLAN: self._plan,
            Role.REVIEW: self._review,
        }
        return cast("A | Abstain", await roles[brief.role](brief, toolbox))

    async def _research(self, brief: Brief, toolbox: Toolbox) -> Opinion | Abstain:
        symbol = brief.facts["symbol"]
        # Side by side, so that one commit stores all of them.
        answers = await side_by_side(toolbox.call("research", symbol, tool, {"symbol": symbol}) for tool in OPENING)
        if missing := next((answer["unavailable"] for answer in answers if "unavailable" in answer), None):
            return Abstain(missing)
        masked = [(tool, shown_answer(brief.mask, tool, a)) for tool, a in zip(OPENING, answers, strict=True)]
        told = [f"{tool}: {shown(tool, answer, ONE, amounts=False)}" for tool, answer in masked]
        tools = [name for name in toolbox.names if name not in ACCOUNT_TOOLS]
        conversation = _Conversation(self._talker, self._settings, brief, toolbox, tools, ONE)
        draft = await conversation.fill(Answering(OpinionDraft), ("## Evidence", *told))
        return draft if isinstance(draft, Abstain) else opinion_of(draft, symbol)

    async def _plan(self, brief: Brief, toolbox: Toolbox) -> Plan | Abstain:
        cycle: Cycle = brief.facts["cycle"]
        denied: tuple[Answered, ...] = brief.facts["denied"]
        if cycle.plans:
            return await self._again(brief, cycle, denied, toolbox)
        weighed = [s for s in cycle.symbols if _spoken_of(cycle, s) or cycle.seen.position(s) is not None]
        if not weighed:
            nothing = "research abstained, so there is nothing to weigh"
            return Plan(
                orders=(), judgements=tuple(Judgement(symbol=s, stance=None, reason=nothing) for s in cycle.symbols)
            )
        ranges = await side_by_side(_range(symbol, toolbox) for symbol in weighed)
        conversation = _Conversation(
            self._talker, self._settings, brief, toolbox, ["position_size"], cycle.seen.account.equity
        )
        answering = Answering(PlanDraft, partial(problem_of, cycle=shown_cycle(brief.mask, cycle), denied=()))
        more = ("## Ranges of one bar", *ranges)
        samples = range(self._settings.samples)
        drafts = await side_by_side(conversation.fill(answering, more, sample) for sample in samples)
        failed = next((draft for draft in drafts if isinstance(draft, Abstain)), None)
        plans = [draft for draft in drafts if isinstance(draft, PlanDraft)]
        if failed is not None:
            return failed
        if said := next((draft.abstain for draft in plans if draft.abstain), None):
            return Abstain(f"the model has no opinion: {said}")
        return await Planner(cycle, toolbox).first(plans[0], disagreeing(plans))

    async def _again(
        self, brief: Brief, cycle: Cycle, denied: tuple[Answered, ...], toolbox: Toolbox
    ) -> Plan | Abstain:
        conversation = _Conversation(self._talker, self._settings, brief, toolbox, [], cycle.seen.account.equity)
        problem = partial(problem_of, cycle=shown_cycle(brief.mask, cycle), denied=denied)
        draft = await conversation.fill(Answering(PlanDraft, problem))
        if isinstance(draft, Abstain):
            return draft
        return Planner(cycle, toolbox).again(draft, denied)

    async def _review(self, brief: Brief, toolbox: Toolbox) -> Rulings | Abstain:
        conversation = _Conversation(self._talker, self._settings, brief, toolbox, [], ONE)
        draft = await conversation.fill(Answering(RulingsDraft))
        if isinstance(draft, Abstain):
            return draft
        if draft.abstain:
            return Abstain(f"the model has no opinion: {draft.abstain}")
        bounded = [(ruling, max(ZERO, min(ONE, ruling.share))) for ruling in draft.rulings if ruling.index >= 0]
        return Rulings(rulings=tuple(Ruling(index=r.index, share=share, reason=r.reason) for r, share in bounded))


@dataclass(frozen=True, slots=True)
class _Conversation:
    """One role's talk about one brief. `equity` is what balances are divided by before a model sees them."""

    talker: Talking
    settings: LlmSettings
    brief: Brief
    toolbox: Toolbox
    tools: list[str]
    equity: Decimal

    async def fill(self, answering: Answering[D], more: tuple[str, ...] = (), sample: int = 0) -> D | Abstain:
        """`more` stands below the prompt: what code asked the tools for."""
        account = Account(self.brief.role.value, self.brief.lane, self.brief.bill, self.talker.until(), sample)

        async def talk(asked: Asked) -> tuple[Form, Completion]:
            return await answered(self.talker, self.brief.effects, f"{NODE}{self.brief.role}", asked, account)

        mask = self.brief.mask
        messages: tuple[JSON, ...] = mask.data(
            (
                {"role": "system", "content": self.brief.system},
                {
                    "role": "user",
                    "content": "\n".join([self.brief.prompt.rstrip("\n"), *(["", *more] if more else [])]),
                },
            )
        )
        schemas = self.toolbox.schemas
        tools: tuple[Canonical, ...] = tuple(mask.data(schemas[name]) for name in offered(mask, self.tools))
        caps = Caps(self.settings.turns, self.settings.calls, self.settings.prompt_tokens)
        draft = await converse(talk, answering, tuple(messages), tools, self._user(sample), caps)
        return draft if isinstance(draft, Abstain) else real_draft(mask, draft)

    def _user(self, sample: int) -> UseTool:
        # Samples run side by side: each numbers its own tool calls.
        lane = self.brief.lane if sample == 0 else f"{self.brief.lane}/{sample}"
        amounts, mask = self.settings.balances == "amounts", self.brief.mask

        async def use(name: str, arguments: dict[str, Any]) -> str:
            try:
                given = real_arguments(mask, name, arguments)
                answer = await self.toolbox.call(self.brief.role.value, lane, name, given)
            except ToolInputError as refused:
                raise ToolInputError(refusal(mask, name, str(refused))) from None
            return shown(name, shown_answer(mask, name, answer), self.equity, amounts=amounts)

        return use


def _spoken_of(cycle: Cycle, symbol: str) -> bool:
    return any(opinion.symbol == symbol for opinion in (cycle.research.opinions if cycle.research else ()))


async def _range(symbol: str, toolbox: Toolbox) -> str:
    """How far the symbol moves in a bar: what a stop is set by."""
    answer = await toolbox.call("plan", symbol, "trend_view", {"symbol": symbol})
    if "unavailable" in answer:
        return f"{symbol}: unknown"
    return f"{symbol}: log_atr {answer['log_atr']}, volatility {answer['volatility']} [{answer['evidence']}]"
