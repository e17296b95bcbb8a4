"""The other way to think: a language model with the tools of the grammar, streaming its words.

It is offered what reads without raw words, and what makes an action that waits for a person; it never says yes. Where
no model answers, the grammar is tried.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from decimal import Decimal
from typing import Any, Final

from agents.bill import Bill
from agents.chat.engine import Chat
from agents.chat.events import Asks, Event, Looked, Note, Said
from agents.chat.ports import ChatDesk, Conversations, Mind
from agents.chat.private import shown
from agents.chat.tools import ACTIONS, READS, offered
from agents.llm.calls import arguments_of, as_said
from agents.llm.question import Asked
from agents.llm.saying import Call as Wanted
from agents.llm.saying import Completion, Finish, Unanswered
from agents.prompts import Prompts
from core.canonical import JSON, canonical_text
from core.errors import DeskError, ToolInputError
from core.printable import lines
from memory.books.chats import Turn

ROLE: Final = "chat"
_REMEMBERED: Final = 12  # turns
_LONGEST: Final = 12_000  # characters of one tool's answer
_OPEN, _CLOSE = "<think>", "</think>"


class ModelThinking:
    """`turns` may call tools, the last one may not; `calls` in all of them. `amounts`: balances as they are."""

    def __init__(
        self,
        mind: Mind,
        desk: ChatDesk,
        kept: Conversations,
        prompts: Prompts,
        *,
        turns: int = 4,
        calls: int = 16,
        amounts: bool = False,
    ) -> None:
        self._mind = mind
        self._desk = desk
        self._kept = kept
        self._prompts = prompts
        self._turns = turns
        self._calls = calls
        self._amounts = amounts
        self.bill = Bill()

    async def answer(self, chat: Chat, said: str) -> AsyncGenerator[Event, None]:
        try:
            async with aclosing(self._talk(chat, said)) as events:
                async for event in events:
                    yield event
        except Unanswered as silent:
            yield Note(f"no model answered ({silent})", wrong=True)
            async with aclosing(chat.by_grammar(said)) as events:
                async for event in events:
                    yield event

    async def _talk(self, chat: Chat, said: str) -> AsyncGenerator[Event, None]:
        messages = self._messages(chat, said)
        left = self._calls
        for turn in range(self._turns):
            last = turn == self._turns - 1 or left <= 0
            whole, seen = None, Thoughtless()
            async with aclosing(self._mind.stream(Asked(tuple(messages), offered(), last=last), self.bill)) as parts:
                async for part in parts:
                    if isinstance(part, Completion):
                        whole = part
                    elif text := seen.visible(part):
                        yield Said(lines(text))
            if whole is None or last or not whole.calls:
                if (ended := _ended(whole, last=last)) is not None:
                    yield ended
                return
            messages.append(as_said(whole))
            for wanted in whole.calls:
                left -= 1
                async with aclosing(self._use(chat, wanted, messages, left)) as events:
                    async for event in events:
                        yield event

    async def _use(self, chat: Chat, wanted: Wanted, messages: list[JSON], left: int) -> AsyncGenerator[Event, None]:
        """One call: its answer goes to the model, and what waits to the person."""
        try:
            arguments = _arguments(wanted)
            yield Looked(wanted.name, arguments)
            if left < 0:
                raise ToolInputError("no call is left: answer now")
            if wanted.name in ACTIONS and chat.pending is not None:
                raise ToolInputError("one action waits for the person already")
            event = await chat.call(wanted.name, arguments)
            if isinstance(event, Asks):
                yield event
                answer = "shown to the person, who now says yes or no: end your turn, and do not say that it is done"
            else:
                answer = canonical_text(shown(event.data, self._equity(), amounts=self._amounts))[:_LONGEST]
        except Unanswered:
            raise
        except DeskError as refused:
            answer = f"error: {refused}"
        messages.append({"role": "tool", "tool_call_id": wanted.id, "content": answer})

    def _equity(self) -> Decimal | None:
        told = self._desk.portfolio()["equity"]
        return None if told is None else Decimal(told)

    def _messages(self, chat: Chat, said: str) -> list[JSON]:
        try:
            symbols = ", ".join(self._desk.symbols())
        except DeskError:
            symbols = "none: no desk has run yet"
        system = f"{self._prompts.system(ROLE)}\n\n{self._prompts.render(ROLE, symbols=symbols)}"
        before = self._kept.turns(chat.thread.thread_id, _REMEMBERED + 1)
        past = [
            m for t in before if t.answer is not None for m in ({"role": "user", "content": _heard(t)}, _past(t.answer))
        ]
        return [{"role": "system", "content": system}, *past, {"role": "user", "content": said}]


class Thoughtless:
    """A stream without the thoughts that some models write in front of their answer."""

    def __init__(self) -> None:
        self._held = ""
        self._thinks: bool | None = None  # None: not known yet

    def visible(self, part: str) -> str:
        if self._thinks is False:
            return part
        self._held += part
        if self._thinks is None:
            start = self._held.lstrip()
            if start.startswith(_OPEN):
                self._thinks = True
            elif _OPEN.startswith(start):
                return ""
            else:
                self._thinks = False
                return self._held
        _, closed, rest = self._held.partition(_CLOSE)
        if not closed:
            return ""
        self._thinks = False
        return rest.lstrip()


def _ended(whole: Completion | None, *, last: bool) -> Event | None:
    """What a person must know of how an answer ended; None where it is all said."""
    if whole is None:
        return Note("the model's answer broke off", wrong=True)
    if whole.refusal:
        return Said(lines(whole.refusal))
    if whole.finish is Finish.FILTER:
        return Note("the server's content filter took the answer away", wrong=True)
    if whole.finish is Finish.LENGTH:
        return Note("the answer was cut off: it was longer than `[llm] max_tokens` allows", wrong=True)
    if last and whole.calls:
        return Note("the model still wanted to look something up when it was time to answer", wrong=True)
    if not whole.text:
        return Note("the model said nothing", wrong=True)
    return None


def _arguments(wanted: Wanted) -> dict[str, Any]:
    known = {name for name, tool in READS.items() if not tool.shown} | set(ACTIONS)
    # Numbers are exact here, and written as text.
    arguments = arguments_of(wanted, known)
    return {key: str(value) if isinstance(value, Decimal) else value for key, value in arguments.items()}


def _heard(turn: Turn) -> str:
    """What was said before, without somebody else's words."""
    return next((str(event["shown"]) for event in turn.answer["events"] if event["kind"] == "heard"), turn.said)


def _past(answer: JSON) -> JSON:
    """What was answered before, without what only a person was shown."""
    told = [_remembered(event) for event in answer["events"]]
    return {"role": "assistant", "content": " ".join(text for text in told if text) or "(nothing)"}


def _remembered(event: JSON) -> str:
    match event["kind"]:
        case "said":
            return str(event["text"])
        case "told":
            return f"[the person was shown: {event['tool']}]"
        case "asks":
            return f"[the person was asked to confirm one {event['action']['kind']}]"
        case "done":
            return f"[the person said yes: {event['data'].get('kind') or event['data'].get('state') or 'done'}]"
        case _:
            return ""
