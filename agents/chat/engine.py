"""One turn of a conversation: what was said becomes calls of tools, by the grammar or by a model, and typed events.

An action waits in the thread, with a key that was drawn once, until its person says yes: the words `yes` and `y`, read
here and never by a model. It is marked before it is sent, so that after a crash the same yes is the same order. What a
tool opened taints the thread for good, and every proposal carries that.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final, Protocol

from agents.chat import telling
from agents.chat.events import Asks, Done, Event, Note, Said, Told, as_json
from agents.chat.grammar import Beyond, Call, Help, No, Yes, parse
from agents.chat.hearing import hear
from agents.chat.ports import ChatDesk, Conversations, Found
from agents.chat.tools import ACTIONS, READS, Setting, look, refuse_tainted, weigh
from agents.chat.words import Unclear, cleaned
from core.canonical import JSON
from core.errors import DeskBusy, DeskError, LedgerBroken
from core.taint import Taint
from memory.books.chats import Thread

_DROPPED: Final = "what waited for your yes is dropped"
_LEFT: Final = "what you said yes to stays as it is, if it was carried out: `orders all` and `why` tell"
_YES: Final = frozenset({"yes", "y", "/yes"})
_NO: Final = frozenset({"no", "n", "/no"})


class Thinks(Protocol):
    """A way to think that is not the grammar."""

    def answer(self, chat: "Chat", said: str) -> AsyncGenerator[Event, None]: ...


class Chat:
    """One thread. `thinks` is the model that talks, None without one: then the grammar is all there is."""

    def __init__(self, desk: ChatDesk, kept: Conversations, thread: Thread, thinks: Thinks | None = None) -> None:
        self._desk = desk
        self._kept = kept
        self.thinks = thinks
        self.thread = thread

    @property
    def pending(self) -> JSON:
        """The action that waits for a yes, None where there is none."""
        return self.thread.pending

    @property
    def setting(self) -> Setting:
        return Setting(self._desk, self.thread.principal, self.thread.taint)

    async def turn(self, text: str, pasted: Sequence[str] = (), *, piped: bool = False) -> AsyncGenerator[Event, None]:
        """Answers one thing that a person said. What the desk refuses is an event; other errors are raised.

        `pasted` is what came into it by a paste; what is `piped` may be anybody's, so that what a model makes of it is
        tainted.
        """
        try:
            said = cleaned(text)
        except Unclear as unread:
            yield Note(_sentence(unread), wrong=True)
            return
        number = self._kept.say(self.thread.thread_id, said)
        given: list[Event] = []
        try:
            async with aclosing(self._hear(text, said, pasted, piped=piped)) as events:
                async for event in events:
                    given.append(event)
                    yield event
        except DeskError as refused:
            event = Note(_sentence(refused), wrong=True)
            given.append(event)
            yield event
        finally:
            # Interrupted too: what was given was given.
            self._kept.answer(self.thread.thread_id, number, {"events": [as_json(event) for event in _joined(given)]})

    async def _hear(self, text: str, said: str, pasted: Sequence[str], *, piped: bool) -> AsyncGenerator[Event, None]:
        """Taints the thread by somebody else's words before anything is made of them."""
        heard = None if self._is_typed(said) else hear(text, pasted)
        free = self._is_free(said)
        if piped and free:
            self._taint(Taint.UNTRUSTED)
        if heard is not None:
            self._taint(Taint(heard.taint))
            yield heard
        async with aclosing(self._answer(said, said if heard is None or not free else heard.shown)) as events:
            async for event in events:
                yield event

    def _is_typed(self, said: str) -> bool:
        """Whether it is one sentence of the grammar, without words of its own: there is no text in it."""
        try:
            sentence = parse(said, self._desk.symbols)
        except DeskError:
            return False
        # What a person alone may do is told by its first word, whatever follows.
        return not isinstance(sentence, Beyond) and not (
            isinstance(sentence, Call) and sentence.arguments.get("because")
        )

    def _is_free(self, said: str) -> bool:
        """Whether a model reads it."""
        return self.thinks is not None and not said.startswith("/") and not (self.pending and word_of(said))

    async def _answer(self, said: str, shown: str) -> AsyncGenerator[Event, None]:
        if (waiting := self.pending) is not None:
            sentence = word_of(said)
            if isinstance(sentence, Yes):
                yield await self._act(waiting)
                return
            self._await(None)
            yield Note(_LEFT if waiting["sent"] else _DROPPED)
            if sentence is not None:
                return
        if self.thinks is None or said.startswith("/"):
            answer = self.by_grammar(said)
        else:
            answer = self.thinks.answer(self, shown)
        async with aclosing(answer) as events:
            async for event in events:
                yield event

    async def by_grammar(self, said: str) -> AsyncGenerator[Event, None]:
        match parse(said, self._desk.symbols):
            case Help():
                yield Note(telling.usage())
            case Beyond(what=what, verb=verb):
                yield Note(f"I cannot {what}, and hold no way to: a person does, by `{verb}`")
            case Yes() | No():
                yield Note("nothing waits for a yes or a no", wrong=True)
            case Call(tool=tool, arguments=arguments):
                yield await self.call(tool, arguments)

    async def call(self, tool: str, arguments: dict[str, Any]) -> Told | Asks:
        """One call, of the grammar or of a model. Raises DeskError with what was found and what is allowed."""
        if tool in READS:
            return self._told(tool, await look(READS[tool], self.setting, arguments))
        # As it is kept: the same thread may be open elsewhere too.
        self._taint(Taint.TRUSTED)
        action = await weigh(ACTIONS[tool], self.setting, arguments)
        taint = int(self.thread.taint)
        waiting = {**action, "key": self._kept.draw(), "taint": taint, "sent": False}
        self._await(waiting)
        return Asks(telling.asks(waiting), waiting)

    def _told(self, tool: str, found: Found) -> Told:
        # Durable before a word of it is shown.
        self._taint(found.taint)
        return Told(tool, telling.told(tool, found.data), found.data, found.quoted)

    async def _act(self, action: JSON) -> Done:
        """Sends what was confirmed. It is marked first, and leaves the thread once its answer is known."""
        self._await({**action, "sent": True})
        by, key = self.thread.principal, action["key"]
        self._taint(Taint(action["taint"]))
        try:
            match action["kind"]:
                case "order":
                    data = await self._desk.propose(action["order"], taint=self.thread.taint, by=by, key=key)
                case "cycle":
                    data = await self._desk.decide(by=by, key=key)
                case "instruction":
                    if not action["sent"]:
                        refuse_tainted(self.thread.taint)
                    data = await self._desk.instruct(action["body"], by=by, key=key)
                case kind:
                    raise LedgerBroken(f"an action of the kind {kind!r} waits in thread {self.thread.thread_id}")
        except DeskBusy as busy:
            raise DeskBusy(f"{busy}; say yes again to ask for its answer: it is the same {action['kind']}") from None
        except DeskError:
            self._await(None)
            raise
        self._await(None)
        return Done(telling.done(action, data), data)

    def resumed(self) -> str | None:
        """What a person who comes back must know; None where nothing waits."""
        if self.pending is None:
            return None
        if self.pending["sent"]:
            kind = self.pending["kind"]
            return f"you said yes to this {kind}, and its answer is not known here: yes asks for the same one again"
        return telling.asks(self.pending)

    def _await(self, action: JSON) -> None:
        self._kept.await_yes(self.thread.thread_id, action)
        self.thread = replace(self.thread, pending=action)

    def _taint(self, seen: Taint) -> None:
        """Joins the thread's taint as it is kept, which another conversation in it may have raised."""
        self.thread = replace(self.thread, taint=self._kept.taint(self.thread.thread_id, seen))


def word_of(said: str) -> Yes | No | None:
    """A person's own yes or no."""
    word = said.lower().rstrip(".!")
    return Yes() if word in _YES else No() if word in _NO else None


def _sentence(error: DeskError) -> str:
    return str(error) or type(error).__name__


def _joined(given: list[Event]) -> list[Event]:
    """What was streamed in parts, in one piece."""
    kept: list[Event] = []
    for event in given:
        if isinstance(event, Said) and kept and isinstance(kept[-1], Said):
            kept[-1] = Said(kept[-1].text + event.text)
        else:
            kept.append(event)
    return kept
