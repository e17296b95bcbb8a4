"""Recorded traffic of many vendors passes through our client: each answer is a typed result or a typed error."""

import base64
import json
import os
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from agents.llm.client import Client, Endpoint
from agents.llm.presets import Form
from agents.llm.question import Asked
from agents.llm.saying import Completion, Finish, Unanswered, Why
from core.canonical import JSON

QUESTION = Asked(({"role": "user", "content": "hello"},))


@cache
def interactions() -> tuple[tuple[str, JSON], ...]:
    """Every recorded answer of a chat-completions endpoint, with the file that it is in."""
    root = os.environ.get("TRADEWARDEN_SHARED") or str(Path(__file__).parents[3] / ".." / "shared")
    cassettes = (Path(root) / "data" / "llm_cassettes").resolve()
    if not cassettes.is_dir():
        pytest.skip(f"no recorded traffic at {cassettes}; set TRADEWARDEN_SHARED")
    found = []
    for file in sorted(cassettes.rglob("*.yaml")):
        told = yaml.load(file.read_text(encoding="utf-8"), Loader=_LOADER)
        asked = (i for i in told["interactions"] if i["request"]["uri"].split("?")[0].endswith("/chat/completions"))
        found += [(str(file.relative_to(cassettes)), i) for i in asked]
    return tuple(found)


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def content_of(response: JSON) -> bytes:
    if "parsed_body" in response:
        body = response["parsed_body"]
        return body.encode() if isinstance(body, str) else json.dumps(body).encode()
    text = response["body"]["string"] if isinstance(response["body"], dict) else response["body"]
    if isinstance(response["body"], dict) and response["body"].get("base64_string"):
        return base64.b64decode(response["body"]["base64_string"])
    return text if isinstance(text, bytes) else text.encode()


def headers_of(response: JSON) -> dict[str, str]:
    kept = ("content-type", "retry-after", "content-encoding")
    first = {k.lower(): v[0] if isinstance(v, list) else v for k, v in response["headers"].items()}
    return {name: first[name] for name in kept if name in first}


async def heard(interaction: JSON) -> Completion | Unanswered:
    """The recorded answer through our client; a stream as a stream."""
    response = interaction["response"]
    headers, content = headers_of(response), content_of(response)
    if headers.get("content-encoding") and not content.startswith((b"\x1f\x8b", b"\x78", b"\x28\xb5")):
        del headers["content-encoding"]  # recorded unpacked

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(response["status"]["code"], headers=headers, content=content)

    client = Client(Endpoint("http://recorded/v1", None), max_tokens=100, transport=httpx2.MockTransport(answer))
    try:
        async with client.opened():
            if "event-stream" not in headers.get("content-type", ""):
                return await client.ask(client.body("m", QUESTION, Form.SCHEMA), 10)
            parts = [part async for part in client.stream(client.body("m", QUESTION, Form.SCHEMA), 10)]
            *texts, whole = parts
            assert isinstance(whole, Completion)
            assert "".join(map(str, texts)).strip() == whole.text
            return whole
    except Unanswered as failed:
        return failed


async def test_every_recorded_answer_is_a_typed_result_or_a_typed_error() -> None:
    found = interactions()
    assert len(found) > 200
    outcomes: Counter[str] = Counter()
    for file, interaction in found:
        status = interaction["response"]["status"]["code"]
        outcome = await heard(interaction)
        if isinstance(outcome, Unanswered):
            outcomes[outcome.why] += 1
            if status == 200:
                assert outcome.why in (Why.UNAVAILABLE, Why.RATE, Why.MALFORMED, Why.REFUSED), (file, str(outcome))
        else:
            assert status == 200, file
            assert outcome.text or outcome.calls or outcome.refusal or outcome.finish is not Finish.STOP, file
            outcomes["completion"] += 1
            outcomes["tools"] += bool(outcome.calls)
            outcomes["refusal"] += bool(outcome.refusal)
            outcomes["thought"] += outcome.thought
    assert outcomes["completion"] > 200, outcomes
    assert all(outcomes[kind] for kind in ("tools", "refusal", "thought", Why.BAD_KEY, Why.NO_MODEL, Why.RATE)), (
        outcomes
    )
