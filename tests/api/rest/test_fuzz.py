"""Requests made from the document by schemathesis: no status that it does not name, and never a server that breaks."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx2
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from tests.api.rest.conftest import Api, served
from tests.desk.desks import BUYS_ETH, fresh_home, moment, run

EXAMPLES = 8
# It says so of every case, and it is the transport that knows how headers are written.
_SKIPPED = {"/v1/signals/stream"}


def test_whatever_is_sent_the_answer_is_one_that_the_document_names() -> None:
    with fresh_home() as home:
        asyncio.run(run(home, moment(BUYS_ETH)))
        document = asyncio.run(_document(home))
        schema = schemathesis.openapi.from_dict(document)
        tried = 0
        for found in schema.get_all_operations():
            operation = found.ok()
            if operation.path in _SKIPPED:
                continue
            cases: list[Any] = []

            _collecting(operation, cases)()
            tried += asyncio.run(_all(home, operation, cases))
        assert tried > 100


def _collecting(operation: Any, cases: list[Any]) -> Callable[[], None]:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    def collect(case: Any) -> None:
        cases.append(case)

    return collect


async def _document(home: Any) -> Any:
    async with served(home) as api:
        return (await api.get("/v1/openapi.json")).json()


async def _all(home: Any, operation: Any, cases: list[Any]) -> int:
    async with served(home) as api:
        keys = [None, api.key("admin", name="fuzz", person=True)]
        for case in cases:
            for key in keys:
                answer = await _sent(api, case, key)
                named = operation.definition.raw["responses"]
                assert str(answer.status_code) in {*named, "401"}, (operation.label, answer.status_code, answer.text)
                assert answer.status_code < 500 or answer.status_code == 503, answer.text
                if answer.status_code >= 400:
                    told = json.loads(answer.content)
                    assert told["status"] == answer.status_code
                    assert "Traceback" not in answer.text
                elif key is None:
                    assert "security" not in operation.definition.raw, operation.label
    return len(cases) * len(keys)


async def _sent(api: Api, case: Any, key: str | None) -> httpx2.Response:
    sent = case.as_transport_kwargs(base_url="http://desk")
    headers = {k: v for k, v in dict(sent.get("headers") or {}).items() if k.lower() != "authorization"}
    # What no client can put on the wire is no request.
    headers = {k: v for k, v in headers.items() if str(v).isascii() and str(v).isprintable() and k.isascii()}
    more = {name: sent[name] for name in ("params", "json", "data", "content") if sent.get(name) is not None}
    if isinstance(more.get("data"), bytes):
        more["content"] = more.pop("data")
    return await api.ask(sent["method"], sent["url"].removeprefix("http://desk"), key, headers=headers, **more)
