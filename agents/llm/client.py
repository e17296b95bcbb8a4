"""The wire to a server of chat completions: one question, one typed answer or one typed error."""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from agents.llm.presets import Form
from agents.llm.question import Asked
from agents.llm.saying import Completion, Unanswered, Why, completion_of, failure_of, read_json
from agents.llm.streams import Gathered
from core.canonical import JSON
from core.secret import Secret

if TYPE_CHECKING:
    import httpx2
    import openai

MOST_BYTES: Final = 2 * 1024 * 1024  # of one answer: the longest that a model of today writes is a tenth of it
ANSWER: Final = "answer"  # the function that a model calls to answer
_JSON_WORDS: Final = "Answer with one JSON object of this schema and nothing else:"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server is, and how it names the bound of an answer."""

    base_url: str
    key: Secret | None
    tokens: str = "max_tokens"


class Client:
    """Connections live as long as somebody is inside `opened`; nothing is left behind after the last one."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        max_tokens: int,
        concurrency: int = 16,
        most_bytes: int = MOST_BYTES,
        transport: "httpx2.AsyncBaseTransport | None" = None,
    ) -> None:
        self._endpoint = endpoint
        self._max_tokens = max_tokens
        self._concurrency = concurrency
        self._most_bytes = most_bytes
        self._transport = transport
        self._users = 0
        self._sdk: openai.AsyncOpenAI | None = None
        self._room = asyncio.Semaphore(concurrency)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        if self._users == 0:
            self._sdk = self._connect()
            self._room = asyncio.Semaphore(self._concurrency)
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            if self._users == 0 and self._sdk is not None:
                closing, self._sdk = self._sdk, None
                await closing.close()

    async def ask(self, body: dict[str, Any], timeout_s: float) -> Completion:
        """Sends a `body`. Raises Unanswered for everything that is no completion.

        The time is the whole call's, waiting included.
        """
        async with self._bounded(timeout_s) as sdk:
            sent = sdk.chat.completions.with_streaming_response.create(**_as_it_is(body), timeout=timeout_s)
            async with sent as response:
                content = bytearray()
                async for chunk in response.iter_bytes():
                    content += chunk
                    if len(content) > self._most_bytes:
                        raise Unanswered(Why.OVERSIZED, f"more than {self._most_bytes} bytes")
        return self._completion(lambda: _read(bytes(content)), bytes(content).decode(errors="replace"))

    async def stream(self, body: dict[str, Any], timeout_s: float) -> AsyncGenerator[str | Completion, None]:
        """The text as it comes, and the whole completion last. Raises like `ask`."""
        async with self._bounded(timeout_s) as sdk:
            sent = _as_it_is({**body, "stream_options": {"include_usage": True}})
            gathered = Gathered()
            async with await sdk.chat.completions.create(**sent, stream=True, timeout=timeout_s) as chunks:
                async for chunk in chunks:
                    said = gathered.add(chunk.model_dump())
                    if gathered.size > self._most_bytes:
                        raise Unanswered(Why.OVERSIZED, f"more than {self._most_bytes} bytes")
                    if said:
                        yield said
        whole = gathered.whole()
        yield self._completion(lambda: completion_of(whole), str(whole))

    def body(self, model: str, asked: Asked, form: Form) -> dict[str, Any]:
        """What is sent: nothing but the question, and no name of anybody."""
        body: dict[str, Any] = {"model": model, "messages": list(asked.messages)}
        body[self._endpoint.tokens] = self._max_tokens
        tools = [tool.value for tool in asked.tools]
        schema = None if asked.schema is None else asked.schema.value
        if schema is not None and form is Form.TOOL:
            tools.append(_answer_tool(schema))
        elif schema is not None and form is Form.SCHEMA:
            shape = {"name": ANSWER, "schema": schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": shape}
        elif schema is not None:
            body["messages"] = _with_schema(asked.messages, schema)
            if not tools or asked.last:
                body["response_format"] = {"type": "json_object"}
        if tools:
            body["tools"] = tools
            body["tool_choice"] = _choice(asked, form)
        return body

    @asynccontextmanager
    async def _bounded(self, timeout_s: float) -> AsyncIterator["openai.AsyncOpenAI"]:
        import httpx2
        import openai

        if self._sdk is None:
            raise RuntimeError("the client is not opened")
        try:
            async with asyncio.timeout(timeout_s), self._room:
                yield self._sdk
        except (TimeoutError, openai.APITimeoutError):
            raise Unanswered(Why.TIMED_OUT, f"no answer within {timeout_s:.3g} s") from None
        except openai.APIStatusError as refused:
            raise self._of_status(refused) from None
        except openai.APIConnectionError as cut:
            cause = type(cut.__cause__ or cut).__name__
            raise Unanswered(Why.UNREACHABLE, f"{self._endpoint.base_url} ({cause})") from None
        except openai.APIError as failed:
            # An error in the middle of a stream.
            told = failed.body if isinstance(failed.body, dict) else failed.message
            raise self._keyless(failure_of(told), str(told)) from None
        except httpx2.HTTPError as cut:
            raise Unanswered(Why.UNREACHABLE, f"the answer broke off ({type(cut).__name__})") from None
        except (openai.OpenAIError, ValueError, TypeError, AttributeError) as unread:
            # What the SDK makes of an answer that is none of its shapes.
            raise Unanswered(Why.MALFORMED, type(unread).__name__) from None

    def _of_status(self, refused: "openai.APIStatusError") -> Unanswered:
        told = refused.body if refused.body is not None else f"status {refused.status_code}"
        return self._keyless(failure_of(told, refused.status_code, _wish(refused.response.headers)), str(told))

    def _completion(self, read: Callable[[], Completion], told: str) -> Completion:
        try:
            return read()
        except Unanswered as failed:
            raise self._keyless(failed, told) from None

    def _keyless(self, failed: Unanswered, told: str) -> Unanswered:
        """Nothing of what a server said that repeats the key, not even its beginning. A refused key quotes nobody."""
        key = self._endpoint.key
        if key and key.reveal() in told and failed.why is not Why.BAD_KEY:
            return Unanswered(failed.why, "what the server said repeats the key", failed.retry_after_s)
        return failed

    def _connect(self) -> "openai.AsyncOpenAI":
        import httpx2
        import openai

        key = self._endpoint.key
        http = httpx2.AsyncClient(verify=_trust(), transport=self._transport, follow_redirects=False)
        return openai.AsyncOpenAI(
            api_key=key.reveal() if key else "none",
            base_url=self._endpoint.base_url,
            max_retries=0,
            http_client=http,
        )


def _as_it_is(body: dict[str, Any]) -> dict[str, Any]:
    """The body past the SDK's own walk over every message, which takes longer than all else that we do."""
    return {"model": body["model"], "messages": [], "extra_body": body}


@cache
def _trust() -> ssl.SSLContext:
    """Made once: it takes as long as a call to a server nearby."""
    return ssl.create_default_context()


def _read(content: bytes) -> Completion:
    try:
        raw = read_json(content)
    except ValueError as broken:
        raise Unanswered(Why.MALFORMED, f"{len(content)} bytes that are no JSON ({type(broken).__name__})") from None
    return completion_of(raw)


def _wish(headers: Mapping[str, str]) -> float | None:
    """Seconds of Retry-After; a date is left to the usual wait."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            wish = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if 0 <= wish < 86_400:
            return wish
    return None


def _choice(asked: Asked, form: Form) -> JSON:
    if not asked.last:
        return "auto"
    if form is Form.TOOL and asked.schema is not None:
        return {"type": "function", "function": {"name": ANSWER}}
    return "none"


def _answer_tool(schema: JSON) -> JSON:
    told = "Gives your answer. Call it once, alone, when you have what you need."
    return {
        "type": "function",
        "function": {"name": ANSWER, "description": told, "parameters": schema, "strict": True},
    }


def _with_schema(messages: tuple[JSON, ...], schema: JSON) -> list[JSON]:
    """The schema at the end of the system message, where it is the same for every question."""
    first, *rest = messages
    return [{**first, "content": f"{first['content']}\n\n{_JSON_WORDS}\n{json.dumps(schema)}"}, *rest]
