"""`warden chat`: a conversation in a terminal, one question from a script, or one a line from a pipe."""

import asyncio
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.text import Text

from agents.chat.engine import Chat, word_of
from agents.chat.events import Asks, Done, Event, Heard, Looked, Note, Said, Told, as_json
from agents.chat.grammar import COMMANDS, Yes
from agents.chat.hearing import holds_theirs
from agents.chat.thinking import ModelThinking
from agents.prompts import Prompts
from api.cli import show
from api.cli.console import console, print_json
from api.cli.opened import Opened, books
from core.canonical import JSON, plain
from core.errors import ConfigError
from core.printable import lines
from core.taint import Taint
from core.time import show_time
from core.verdicts import AnswerKind
from desk import reasoning
from desk.chatting import BookedChat, BookedConversations
from desk.home import Home
from desk.settings import environment_of

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

_DENIED: Final = 3
_LEAVE: Final = frozenset({"quit", "exit", "/quit", "/exit"})
_ID: Final = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of the command."""

    question: str
    thread: str | None
    last: bool
    yes: bool
    by: str
    account: str | None
    json: bool


def listing(asked: Asked) -> None:
    with books() as opened:
        threads = BookedConversations(opened.books).listing(asked.by)
    if asked.json:
        print_json([plain(thread) for thread in threads])
        return
    if not threads:
        console.print(f"{asked.by} has no thread yet", style="dim", markup=False)
        return
    table = show.table("thread", "at", "", "begins with")
    for thread in threads:
        waits = "waits for a yes" if thread.pending else thread.taint.name.lower() if thread.taint else ""
        table.add_row(thread.thread_id[:_ID], show_time(thread.updated_ns), waits, Text(thread.title))
    console.print(table)


def talk(asked: Asked) -> None:
    with books() as opened:
        chat = _opened(opened, asked)
        if asked.yes and not (asked.question.startswith("/") or (asked.question and chat.thinks is None)):
            # Nobody would have seen what is confirmed: a line of a pipe, or what a model made of free words.
            raise ConfigError("--yes confirms one question in the words of `help`: with a model, begin it with /")
        if asked.question:
            code = asyncio.run(_once(chat, asked))
        elif asked.json or not sys.stdin.isatty():
            code = asyncio.run(_lines(chat, asked))
        else:
            code = asyncio.run(_in_terminal(chat, opened.home))
    if code:
        sys.exit(code)


def _opened(opened: Opened, asked: Asked) -> Chat:
    kept = BookedConversations(opened.books)
    desk = BookedChat(opened.home, opened.settings, opened.books, asked.account)
    llm = opened.settings.llm
    mind = reasoning.streamer(llm, opened.home, environment_of())
    thinks = None
    if mind is not None:
        caps = {"turns": llm.turns, "calls": llm.calls}
        thinks = ModelThinking(mind, desk, kept, Prompts.load(), **caps, amounts=llm.balances == "amounts")
    if asked.thread is not None:
        return Chat(desk, kept, kept.find(asked.thread, asked.by), thinks)
    if asked.last:
        threads = kept.listing(asked.by)
        if not threads:
            raise ConfigError(f"{asked.by} has no thread to go on with: `warden chat` begins one")
        return Chat(desk, kept, threads[0], thinks)
    return Chat(desk, kept, kept.begin(asked.by), thinks)


# One question, or several lines of a pipe.


async def _once(chat: Chat, asked: Asked) -> int:
    events = await _heard(chat, asked.question, quiet=asked.json)
    if asked.yes and chat.pending is not None:
        events += await _heard(chat, "yes", quiet=asked.json)
    if asked.json:
        print_json(_told(chat, events))
    elif chat.pending is not None:
        console.print(f"to confirm: warden chat --thread {chat.thread.thread_id[:_ID]} yes", style="dim", markup=False)
    return _code(events)


async def _lines(chat: Chat, asked: Asked) -> int:
    """One turn a line; with `--json` one document for all of them. Ends with the worst of their codes.

    A line is no yes to what a model made of another one: the words of a file would confirm themselves.
    """
    events: list[Event] = []
    unseen = False
    for line in sys.stdin:
        if not line.strip():
            continue
        if unseen and chat.pending is not None and isinstance(word_of(line.strip()), Yes):
            note = Note(_unseen(chat), wrong=True)
            events.append(note)
            if not asked.json:
                print(f"warden: {note.text}", file=sys.stderr)
            continue
        events += await _heard(chat, line, quiet=asked.json, piped=True)
        unseen = chat.thinks is not None and not line.startswith("/")
    if asked.json:
        print_json(_told(chat, events))
    return _code(events)


def _unseen(chat: Chat) -> str:
    thread = chat.thread.thread_id[:_ID]
    return f"nobody has seen what a model made of this pipe: to confirm it, `warden chat --thread {thread} yes`"


async def _heard(chat: Chat, text: str, *, quiet: bool, piped: bool = False) -> list[Event]:
    events: list[Event] = []
    shown = Screen()
    async with aclosing(chat.turn(text, piped=piped)) as given:
        async for event in given:
            events.append(event)
            if quiet:
                continue
            if isinstance(event, Note) and event.wrong:
                shown.end()
                print(f"warden: {lines(event.text)}", file=sys.stderr)
            else:
                shown.add(event)
    shown.end()
    return events


def _told(chat: Chat, events: list[Event]) -> JSON:
    thread = chat.thread
    known = {"thread": thread.thread_id, "taint": thread.taint.name.lower(), "pending": thread.pending}
    return plain({**known, "events": [as_json(event) for event in events]})


def _code(events: list[Event]) -> int:
    if any(isinstance(e, Done) and e.data.get("kind") == AnswerKind.DENIED.value for e in events):
        return _DENIED
    return int(any(isinstance(e, Note) and e.wrong for e in events))


# In a terminal.


async def _in_terminal(chat: Chat, home: Home) -> int:
    pasted: list[str] = []
    session = _session(home, pasted)
    who = "a language model, and the words of `help`" if chat.thinks else "the words of `help`"
    hint = f"thread {chat.thread.thread_id[:_ID]}; I understand {who}; Ctrl-C stops an answer, Ctrl-D ends"
    _print(hint, "dim")
    if (waits := chat.resumed()) is not None:
        _print(waits, "yellow")
    while True:
        try:
            text = await session.prompt_async(_prompt(chat))
        except KeyboardInterrupt:
            continue
        except EOFError:
            return 0
        if text.strip().lower() in _LEAVE:
            return 0
        if text.strip():
            await _turn(chat, text, pasted)


def _session(home: Home, pasted: list[str]) -> "PromptSession[str]":
    """What a person pastes is noted in `pasted`, for as long as they may bring it back by an arrow key.

    A line with somebody else's words is not kept for the next session, in which nobody would know whose they are.
    """
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.history import FileHistory
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.keys import Keys

    class Typed(FileHistory):
        def store_string(self, string: str) -> None:
            if not holds_theirs(string, pasted):
                super().store_string(string)

    keys = KeyBindings()

    @keys.add(Keys.BracketedPaste)
    def paste(event: KeyPressEvent) -> None:
        data = event.data.replace("\r\n", "\n").replace("\r", "\n")
        pasted.append(data)
        event.current_buffer.insert_text(data)

    words = WordCompleter([f"/{word}" for word in (*COMMANDS, "quit")], sentence=True)
    return PromptSession(
        history=Typed(str(home.chat_history)),
        completer=words,
        complete_while_typing=True,
        enable_suspend=True,
        key_bindings=keys,
    )


def _prompt(chat: Chat) -> str:
    marks = f" [{chat.thread.taint.name.lower()}]" if chat.thread.taint > Taint.TRUSTED else ""
    return f"{marks.strip()} yes/no> ".lstrip() if chat.pending else f"{marks.strip()} > ".lstrip()


async def _turn(chat: Chat, text: str, pasted: Sequence[str]) -> None:
    """One answer, which Ctrl-C stops: what was given stays in the thread."""

    async def answering() -> None:
        shown = Screen()
        try:
            async with aclosing(chat.turn(text, pasted)) as given:
                async for event in given:
                    shown.add(event)
        except KeyboardInterrupt:
            # It was raised in what computes (`desk.interrupting`): out of a task it would end the whole loop.
            raise asyncio.CancelledError from None
        finally:
            shown.end()

    task = asyncio.ensure_future(answering())
    with _stopping(task), suppress(asyncio.CancelledError):
        await task
    if task.cancelled():
        _print("stopped", "yellow")
        if (waits := chat.resumed()) is not None:
            _print(waits, "yellow")


@contextmanager
def _stopping(task: "asyncio.Future[None]") -> Iterator[None]:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _print(text: str, style: str = "") -> None:
    """Without markup, and as wide as the terminal makes it."""
    console.print(Text(text, style=style), soft_wrap=True)


class Screen:
    """Shows events as they come. What a model says stands in one piece, however it was cut."""

    def __init__(self) -> None:
        self._open = False

    def add(self, event: Event) -> None:
        if isinstance(event, Said):
            console.out(event.text, end="", highlight=False)
            self._open = True
            return
        self.end()
        match event:
            case Told(text=text, quoted=quoted):
                _print(text, "italic dim" if quoted else "")
            case Heard(text=text):
                _print(text, "yellow")
            case Looked(tool=tool, arguments=arguments):
                named = ", ".join(str(value) for value in arguments.values() if value not in (None, ""))
                _print(f"looks at {tool} {named}"[:100], "dim")
            case Asks(text=text):
                _print(text, "bold")
            case Done(text=text):
                _print(text, "green")
            case Note(text=text, wrong=wrong):
                _print(text, "yellow" if wrong else "")

    def end(self) -> None:
        if self._open:
            console.out("")
            self._open = False
