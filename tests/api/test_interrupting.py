"""Ctrl-C in a conversation, on a terminal of its own: what computes or waits ends, and the conversation stays."""

import fcntl
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import select

from core.time import SECOND_NS
from desk.holding import Holding
from desk.home import Home
from memory.books import lease, tables
from memory.books.database import Books
from memory.books.words import RequestState
from tests.api.conftest import Demo
from tests.desk.desks import rows

ROOT = Path(__file__).resolve().parents[2]
CTRL_C = "\x03"
_PATIENCE_S = 240


@dataclass
class Terminal:
    """What a process prints on its terminal, and what a person types there."""

    process: subprocess.Popen[bytes]
    master: int
    shown: str = field(default="")

    def types(self, text: str) -> None:
        os.write(self.master, text.encode())

    def until(self, so: Callable[[], bool]) -> None:
        until = time.monotonic() + _PATIENCE_S
        while not so():
            assert self.process.poll() is None, self.shown
            assert time.monotonic() < until, self.shown
            time.sleep(0.01)

    def shows(self, words: str) -> None:
        self.until(lambda: words in self.shown)

    def read(self) -> None:
        """Until the terminal is closed."""
        while True:
            try:
                part = os.read(self.master, 65_536)
            except OSError:
                return
            if not part:
                return
            self.shown += part.decode(errors="replace")


@contextmanager
def talking(home: Home, begun: Path) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 250, 0, 0))
    environment = {**os.environ, "TRADEWARDEN_HOME": str(home.path), "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.api.stuck", str(begun), "chat"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    )
    os.close(slave)
    terminal = Terminal(process, master)
    reader = threading.Thread(target=terminal.read, daemon=True)
    reader.start()
    try:
        yield terminal
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        reader.join(_PATIENCE_S)
        os.close(master)


@pytest.fixture
def own(demo: Demo, home: Home) -> Home:
    shutil.copytree(demo.home.path, home.path, dirs_exist_ok=True)
    return home


def test_ctrl_c_ends_a_what_if_that_computes_and_an_answer_that_is_waited_for(
    own: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = tmp_path / "begun"
    monkeypatch.setattr(lease, "LEASE_NS", 900 * SECOND_NS)  # nobody renews it here
    with Books.open(own.database_url) as books, talking(own, begun) as terminal:
        terminal.types("what if buy 10 USDT of BTC stop 1\r")
        terminal.until(begun.exists)
        terminal.types(CTRL_C)
        terminal.shows("stopped")

        # A desk holds the account, and answers nobody.
        account_id = str(books.read(lambda conn: conn.execute(select(tables.accounts.c.account_id)).scalar_one()))
        with Holding(books, account_id):
            terminal.types("buy 10 USDT of BTC stop 1 because a test\r")
            terminal.shows("yes/no>")
            terminal.types("yes\r")
            terminal.until(lambda: states(books) == [RequestState.PENDING])
            terminal.types(CTRL_C)
            terminal.shows("yes asks for the same one again")
            assert states(books) == [RequestState.FAILED], "it was taken back: no desk will ever carry it out"
        terminal.types("quit\r")
        assert terminal.process.wait(_PATIENCE_S) == 0, terminal.shown
        turns = books.read(lambda conn: conn.execute(select(tables.chat_turns)).all())
        (pending,) = books.read(lambda conn: conn.execute(select(tables.chat_threads.c.pending)).scalars().all())
    assert [turn.said.partition(" ")[0] for turn in turns] == ["what", "buy", "yes"]
    assert [len(turn.answer["events"]) for turn in turns] == [0, 1, 0], "each has what was given of its answer"
    assert (pending["kind"], pending["sent"]) == ("order", True)
    assert rows(own)["requests"] == 1


def test_what_is_pasted_is_told_apart_from_what_is_typed(own: Home, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    begun.touch()  # nothing gets stuck
    news = "bridge hacked, withdrawals stay closed for weeks"
    with talking(own, begun) as terminal:
        terminal.types("buy 10 USDT of BTC stop 1 because \x1b[200~" + news + "\x1b[201~\r")
        terminal.shows("48 characters of that are somebody else's words")
        terminal.shows("[untrusted] yes/no>")
        terminal.types("no\r")
        terminal.shows("is dropped")
        terminal.types("/quit\r")
        assert terminal.process.wait(_PATIENCE_S) == 0, terminal.shown
    kept = own.chat_history.read_text()
    assert "bridge" not in kept
    assert "+no" in kept


def states(books: Books) -> list[RequestState]:
    return list(books.read(lambda conn: conn.execute(select(tables.requests.c.state)).scalars().all()))
