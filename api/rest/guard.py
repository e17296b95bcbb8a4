"""Who asks, what they may, and how often: every route but the few that say so takes a key.

Keys are held in memory and read again whenever anybody wrote into the books, so that a revoked one opens nothing from
the moment that its revocation is committed.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from fastapi import Depends, Request

from api.rest.problems import Problem
from core.ports import Clock
from core.time import MINUTE_NS
from desk.access import PERSONS, Scope, allows, known, readers_of
from memory.books import access
from memory.books.access import ApiKey
from memory.books.changes import Changes
from memory.books.database import Books

SCHEME: Final = "key"
SIGNALS: Final = frozenset({Scope.SIGNALS_READ})
_BEARER: Final = "bearer "
_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}
_RARELY_NS: Final = 5 * MINUTE_NS  # between two notes of when a key was last used


class Keys:
    """The keys of one home, as of the last commit. For one thread: the server's loop."""

    def __init__(
        self,
        books: Books,
        changes: Changes,
        clock: Clock,
        *,
        per_minute: int,
        third_parties: bool,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._books, self._changes, self._clock, self._seconds = books, changes, clock, seconds
        self._per_minute, self._third_parties = per_minute, third_parties
        self._version: int | None = None
        self._keys: dict[str, ApiKey] = {}
        self._house = ""  # whose signals they are, where third parties are not served
        self._left: dict[str, tuple[float, float]] = {}
        self._used: dict[str, int] = {}

    def of(self, presented: str) -> ApiKey | None:
        """The live key of that text."""
        self._refresh()
        return known(self._keys, presented, self._clock.now_ns())

    def still(self, key: ApiKey) -> bool:
        """Whether a key that was good a while ago is."""
        self._refresh()
        now = self._keys.get(key.key_id)
        return now is not None and now.live(self._clock.now_ns())

    def live(self) -> int:
        self._refresh()
        return sum(key.live(self._clock.now_ns()) for key in self._keys.values())

    def may_read_signals(self, key: ApiKey) -> bool:
        """One principal, unless the settings say that others are served: an administrator is the house itself."""
        return self._third_parties or Scope.ADMIN in key.scopes or key.principal == self._house

    def spend(self, key: ApiKey) -> float:
        """Takes one request from the key's allowance. Seconds until there is another one, 0 where there was one."""
        now, rate = self._seconds(), self._per_minute / 60
        left, since = self._left.get(key.key_id, (float(self._per_minute), now))
        left = min(float(self._per_minute), left + (now - since) * rate)
        if left < 1:
            self._left[key.key_id] = (left, now)
            return (1 - left) / rate
        self._left[key.key_id] = (left - 1, now)
        self._used[key.key_id] = self._clock.now_ns()
        return 0.0

    def note_use(self) -> None:
        """Writes down when keys were last used, rarely: a read must not cost a write."""
        due = {
            k: ns for k, ns in self._used.items() if k in self._keys and ns - (self._keys[k].used_ns or 0) > _RARELY_NS
        }
        self._used.clear()
        if due:
            self._books.write(lambda conn: access.used(conn, due))

    def _refresh(self) -> None:
        version = self._changes.version()
        if version == self._version:
            return
        now_ns = self._clock.now_ns()
        found = self._books.read(access.every)
        self._keys = {key.key_id: key for key in found}
        readers = [key for key in found if key.live(now_ns) and readers_of([key])]
        self._house = readers[0].principal if readers else ""
        self._version = version


def asker(request: Request) -> ApiKey:
    """The key that a guarded request came with."""
    found: ApiKey = request.scope["key"]
    return found


def needs(*any_of: Scope) -> dict[str, Any]:
    """For a route's decorator: one of these scopes opens it, and its document says so."""
    wanted = frozenset(any_of)
    persons = wanted <= PERSONS
    security = [{SCHEME: [scope.value]} for scope in sorted({*wanted, Scope.ADMIN})]
    return {
        "dependencies": [Depends(_guard(wanted))],
        "openapi_extra": {"security": security, **({"x-persons-only": True} if persons else {})},
    }


def _guard(wanted: frozenset[Scope]) -> Callable[[Request], Awaitable[None]]:
    async def guard(request: Request) -> None:
        said = request.headers.get("authorization", "")
        request.scope["key"] = admitted(request.app.state.served.keys, said, wanted)

    return guard


def admitted(keys: Keys, said: str, wanted: frozenset[Scope]) -> ApiKey:
    """The key of an `Authorization` header, where it opens what takes one of these scopes. Raises Problem."""
    if said[: len(_BEARER)].lower() != _BEARER:
        told = "send Authorization: Bearer and a key; `warden keys create` makes one"
        raise Problem(401, told, headers=_CHALLENGE)
    key = keys.of(said[len(_BEARER) :].strip())
    if key is None:
        raise Problem(401, "the key is unknown, expired or revoked", headers=_CHALLENGE)
    if wait_s := keys.spend(key):
        later = {"Retry-After": str(int(wait_s) + 1)}
        raise Problem(429, f"the next one is taken in {wait_s:.1f} s", headers=later)
    if not allows(key, wanted):
        persons = " of a person" if wanted <= PERSONS else ""
        raise Problem(403, f"it takes a key{persons} with {' or '.join(sorted(wanted))}")
    if wanted == SIGNALS and not keys.may_read_signals(key):
        told = "signals are for one principal here: [signals] third_parties says so"
        raise Problem(403, told, type="third-parties")
    return key
