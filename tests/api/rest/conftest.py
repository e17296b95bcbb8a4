"""A desk with signals and a question, served in this process: one that is only read, or a fresh one."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection

from api.rest.app import application, serving
from api.rest.served import Served
from api.rest.shell import Shell
from core.canonical import JSON
from desk import access
from desk.access import Scope
from desk.clock import SystemClock
from desk.home import Home
from desk.settings import Settings, parse
from memory.books.database import Books
from tests.desk.desks import BUYS_ETH, fresh_home, moment, run

SETTINGS = parse({"risk": {"approval": "always"}, "signals": {"third_parties": True}}, "the test")
LOOSE = {"requests_per_minute": 1_000_000}


@dataclass
class Api:
    """A client of one served desk."""

    at: Served
    app: Shell
    made: dict[tuple[str, bool], str] = field(default_factory=dict)

    def key(self, *scopes: str, person: bool = False, name: str = "", expires_ns: int | None = None) -> str:
        """The text of a new key."""
        whose = name or ("person" if person else "program")

        def write(conn: Connection) -> str:
            said: Any = {"person": person, "expires_ns": expires_ns, "third_parties": True, "by": "test"}
            return access.create(conn, whose, list(scopes), now_ns=SystemClock().now_ns(), **said)[1].reveal()

        return self.at.books.write(write)

    def key_with(self, scope: str, *, person: bool) -> str:
        """The same key at every call."""
        if (scope, person) not in self.made:
            self.made[scope, person] = self.key(scope, person=person)
        return self.made[scope, person]

    async def ask(self, method: str, path: str, key: str | None = None, **more: Any) -> httpx2.Response:
        headers = {**({} if key is None else {"Authorization": f"Bearer {key}"}), **more.pop("headers", {})}
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://desk") as client:
            return await client.request(method, path, headers=headers, **more)

    async def get(self, path: str, key: str | None = None, **more: Any) -> httpx2.Response:
        return await self.ask("GET", path, key, **more)

    async def post(
        self, path: str, body: JSON, key: str | None, drawn: str | None = "once", **more: Any
    ) -> httpx2.Response:
        headers = {} if drawn is None else {"Idempotency-Key": drawn}
        return await self.ask("POST", path, key, json=body, headers=headers, **more)

    @property
    def document(self) -> JSON:
        return asyncio.run(self.get("/v1/openapi.json")).json()


@asynccontextmanager
async def served(home: Home, **api: Any) -> AsyncIterator[Api]:
    settings = SETTINGS.model_copy(update={"api": parse({"api": {**LOOSE, **api}}, "the test").api})
    with Books.open(home.database_url) as books:
        async with serving(home, settings, books) as at:
            yield Api(at, application(at))


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """Empty books."""
    with fresh_home() as home:
        async with served(home) as made:
            yield made


@pytest.fixture
async def asked() -> AsyncIterator[Api]:
    """Signals of two symbols, and one buy that waits for a person."""
    with fresh_home() as home:
        await run(home, moment(BUYS_ETH), _asking())
        async with served(home) as made:
            yield made


@pytest.fixture(scope="module")
def read_home() -> Iterator[Home]:
    """For those that only read."""
    with fresh_home() as home:
        asyncio.run(run(home, moment(BUYS_ETH), _asking()))
        yield home


@pytest.fixture
async def read(read_home: Home) -> AsyncIterator[Api]:
    async with served(read_home) as made:
        yield made


def _asking() -> Settings:
    return parse({"risk": {"approval": "always"}}, "the test")


def problem(answer: httpx2.Response, status: int, type: str = "") -> JSON:
    """The problem document of an answer that must be one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = json.loads(answer.content)
    assert {"type", "title", "status", "detail", "request"} <= told.keys()
    assert told["status"] == status
    assert told["request"] == answer.headers["x-request-id"]
    assert type in ("", told["type"])
    return told


SCOPES = tuple(scope.value for scope in Scope)
