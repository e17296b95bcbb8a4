"""The kill switch: a file in the desk's home, a signal to its process, or a word from inside. It needs no database."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_LONGEST = 200  # of a reason that stands in the file, in characters


class KillSwitch:
    """Answers whether it is pulled. Only a person lets go: by taking the file away, or by starting the desk again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pulled: str | None = None
        self._written = False

    def __call__(self) -> bool:
        if self._file_is_there():
            return True
        if self._written:
            # What was pulled here is in the file, and somebody took that away.
            self._pulled, self._written = None, False
        return self._pulled is not None

    def pull(self, reason: str) -> None:
        """Closes the desk at once, in this process whether or not the file can be written."""
        self._pulled = reason
        try:
            if not self._file_is_there():
                self.path.write_text(f"{reason}\n", encoding="utf-8")
            self._written = True
        except OSError:
            self._written = False

    @property
    def reason(self) -> str:
        """Why it is pulled, as far as anybody said; empty where nobody did."""
        if self._pulled is not None:
            return self._pulled
        try:
            with self.path.open(encoding="utf-8", errors="replace") as file:
                return file.readline(_LONGEST).strip()
        except OSError:
            return ""

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Lets SIGUSR1 to this process pull it, whatever the process is doing, until the block ends."""
        if not hasattr(signal, "SIGUSR1") or threading.current_thread() is not threading.main_thread():
            yield
            return

        def heard(number: int, frame: FrameType | None) -> None:
            self.pull("SIGUSR1")

        before = signal.signal(signal.SIGUSR1, heard)
        try:
            yield
        finally:
            signal.signal(signal.SIGUSR1, before)

    def _file_is_there(self) -> bool:
        try:
            return self.path.exists()
        except OSError:
            # A file that nobody may look at could be there.
            return True
