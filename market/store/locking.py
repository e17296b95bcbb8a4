"""One writer at a time, across threads and processes. The system lets go of a killed writer's lock by itself."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import DeskBusy

_WAIT_S, _POLL_S = 30.0, 0.02


@contextmanager
def locked(path: Path, *, wait_s: float = _WAIT_S, sleep: Callable[[float], None] = time.sleep) -> Iterator[None]:
    """Holds the lock file at `path`; after waiting in vain, DeskBusy. The file stays, only its lock ends."""
    with open(path, "a+b") as file:
        for _ in range(max(1, int(wait_s / _POLL_S))):
            if _try(file.fileno()):
                break
            sleep(_POLL_S)
        else:
            raise DeskBusy(f"another process has been writing to {path.parent} for {wait_s:g} s; try again later")
        try:
            yield
        finally:
            _release(file.fileno())


if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _try(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _release(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _release(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)
