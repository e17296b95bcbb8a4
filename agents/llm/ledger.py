"""What language models were paid, a file a day: money for the caps, tokens for people.

A line is written before a call leaves, one more when it has ended, and none is changed. Desks of one home share it.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Final

from agents.llm.budget import DECISION, Check
from agents.llm.saying import Unanswered, Usage, Why
from core.money import ZERO, text_of
from market.store.locking import locked

_LOCK_WAIT_S: Final = 2.0
_SUFFIX: Final = ".jsonl"


@dataclass(frozen=True, slots=True)
class Spending:
    """Of one role: US dollars, with what is reserved for calls on their way; calls that were answered; their tokens.

    A server that counts no tokens adds none.
    """

    usd: Decimal = ZERO
    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class _Day:
    """What was read of a day's file so far: bytes, and what stands in them by name."""

    read: int = 0
    names: Mapping[str, Spending] = field(default_factory=dict)


class FileLedger:
    """Reads what others added before it adds. A file that does not read counts as spent without end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._days: dict[str, _Day] = {}

    def days(self) -> list[str]:
        """Days of which anything is known, oldest first."""
        return sorted(file.stem for file in self._folder.glob(f"[0-9]*{_SUFFIX}"))

    def spent(self, day: str) -> dict[str, Decimal]:
        """By role and by decision. Raises Unanswered for a file that does not read."""
        if not self._file(day).exists():
            return {}
        with locked(self._lock, wait_s=_LOCK_WAIT_S):
            return _usd(self._caught_up(day))

    def spending(self, day: str) -> Mapping[str, Spending]:
        """By role. Raises Unanswered for a file that does not read."""
        if not self._file(day).exists():
            return {}
        with locked(self._lock, wait_s=_LOCK_WAIT_S):
            return {name: told for name, told in self._caught_up(day).items() if not name.startswith(DECISION)}

    def add(
        self, day: str, names: tuple[str, ...], amount: Decimal, check: Check | None = None, used: Usage | None = None
    ) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with locked(self._lock, wait_s=_LOCK_WAIT_S):
            if check is not None:
                check(_usd(self._caught_up(day)))
            tokens = [] if used is None else [used.prompt_tokens, used.cached_tokens, used.completion_tokens]
            role, *others = ([name, text_of(amount)] for name in names)
            self._append(day, "".join(json.dumps(line) + "\n" for line in ([*role, *tokens], *others)))

    def _append(self, day: str, line: str) -> None:
        """Whole, or not at all: half of it would be spent without end."""
        with open(self._file(day), "ab", buffering=0) as file:
            size = file.tell()
            try:
                if file.write(line.encode()) != len(line.encode()):
                    raise OSError("the disk took half a line")
            except OSError:
                with suppress(OSError):
                    file.truncate(size)
                raise

    def _caught_up(self, day: str) -> Mapping[str, Spending]:
        """What stands in the file; only what was added since the last time is read. The lock is held."""
        file = self._file(day)
        size = file.stat().st_size if file.exists() else 0
        known = self._days.get(day, _Day())
        if size < known.read:
            known = _Day()
        if size > known.read:
            try:
                with open(file, "rb") as opened:
                    opened.seek(known.read)
                    known = _further(known, opened.read())
            except (OSError, ValueError, ArithmeticError, TypeError) as broken:
                raise Unanswered(Why.BUDGET, f"{file} cannot be read ({type(broken).__name__})") from None
        self._days[day] = known
        return known.names

    def _file(self, day: str) -> Path:
        return self._folder / f"{day}{_SUFFIX}"

    @property
    def _lock(self) -> Path:
        return self._folder / ".lock"


def _further(known: _Day, fresh: bytes) -> _Day:
    if not fresh.endswith(b"\n"):
        raise ValueError("its last line is cut off")
    names = dict(known.names)
    for line in fresh.splitlines():
        name, spending = _line(line)
        names[name] = _sum(names.get(name, Spending()), spending)
    return _Day(known.read + len(fresh), names)


def _usd(names: Mapping[str, Spending]) -> dict[str, Decimal]:
    return {name: spending.usd for name, spending in names.items()}


def _line(text: bytes) -> tuple[str, Spending]:
    name, usd, *tokens = json.loads(text)
    spending = Spending(Decimal(usd))
    if not spending.usd.is_finite():
        raise ValueError("an amount is no number")
    if tokens:
        prompt, cached, completion = map(int, tokens)
        spending = replace(spending, calls=1, prompt_tokens=prompt, cached_tokens=cached, completion_tokens=completion)
    return str(name), spending


def _sum(one: Spending, other: Spending) -> Spending:
    return Spending(
        one.usd + other.usd,
        one.calls + other.calls,
        one.prompt_tokens + other.prompt_tokens,
        one.cached_tokens + other.cached_tokens,
        one.completion_tokens + other.completion_tokens,
    )
