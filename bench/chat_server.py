"""A server of chat completions on this machine, with a fixed latency and a model that follows its prompts.

For measurements and tests: it counts what it was asked, and answers what it is told to.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from aiohttp import web

JSON = Any


@dataclass(frozen=True)
class Reply:
    """What is answered. `body` is JSON data, or bytes as they are."""

    body: JSON
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


Model = Callable[[JSON], Reply]


@dataclass
class ChatServer:
    """`asked` holds every request in the order of arrival; `most_at_once` how many were on their way together."""

    model: Model
    latency_s: float = 0.0
    asked: list[JSON] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    most_at_once: int = 0
    port: int = 0
    _at_once: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @asynccontextmanager
    async def running(self) -> AsyncIterator["ChatServer"]:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/chat/completions", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.port = runner.addresses[0][1]
            yield self
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        self.asked.append(asked)
        self.times.append(perf_counter())
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            reply = self.model(asked)
            await asyncio.sleep(self.latency_s + reply.delay_s)
        finally:
            self._at_once -= 1
        content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        return web.Response(body=content, status=reply.status, headers=reply.headers, content_type="application/json")


def completion(
    text: str | None = None,
    calls: list[tuple[str, str]] | None = None,
    *,
    finish: str = "stop",
    usage: tuple[int, int] | None = (1000, 100),
    **message: JSON,
) -> Reply:
    """A completion as OpenAI writes it: `calls` are names with their arguments as text."""
    said: dict[str, JSON] = {"role": "assistant", "content": text, **message}
    if calls:
        said["tool_calls"] = [
            {"id": f"call-{at}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for at, (name, arguments) in enumerate(calls)
        ]
    body: dict[str, JSON] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "fake-1",
        "system_fingerprint": "fp_1",
        "choices": [{"index": 0, "message": said, "finish_reason": "tool_calls" if calls else finish}],
    }
    if usage:
        body["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    return Reply(body)


def answer(asked: JSON, filled: JSON) -> Reply:
    """A filled answer in the form that the request asks for."""
    text = json.dumps(filled)
    names = [tool["function"]["name"] for tool in asked.get("tools", [])]
    used = (len(json.dumps(asked["messages"])) // 4, len(text) // 4)
    return completion(calls=[("answer", text)], usage=used) if "answer" in names else completion(text, usage=used)


def failure(status: int, message: str = "no", code: str | None = None, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply({"error": {"message": message, "type": "error", "code": code}}, status, named)


def role_of(asked: JSON) -> str:
    """Which answer is wanted, by its own fields."""
    shape = asked.get("response_format", {}).get("json_schema", {}).get("schema")
    for tool in asked.get("tools", []):
        if tool["function"]["name"] == "answer":
            shape = tool["function"]["parameters"]
    wanted = set((shape or {}).get("properties", {})) or set(asked["messages"][0]["content"].split('"'))
    return "research" if "claims" in wanted else "plan" if "orders" in wanted else "review"


def analyst(asked: JSON) -> Reply:
    """A model that does as it is told: two tools at once, then an opinion on what they said; plans what pays."""
    role = role_of(asked)
    if role == "research":
        if not any(message["role"] == "tool" for message in asked["messages"]):
            symbol = json.dumps({"symbol": shown(asked)["market_snapshot"]["symbol"]})
            bars = json.dumps({**json.loads(symbol), "n": 24})
            return completion(calls=[("classic_indicators", symbol), ("recent_bars", bars)])
        return answer(asked, opinion(asked))
    return answer(asked, plan(asked) if role == "plan" else review(asked))


def shown(asked: JSON) -> dict[str, JSON]:
    """The tools' answers that stand in the question, by tool."""
    lines = asked["messages"][1]["content"].splitlines()
    return {name: json.loads(told) for name, _, told in (line.partition(": ") for line in lines) if told[:1] == "{"}


def opinion(asked: JSON) -> JSON:
    seen = shown(asked)
    trend, market = seen["trend_view"], seen["market_snapshot"]
    stance = max(-1.0, min(1.0, 2 * float(trend["trend"])))
    claims = [
        {
            "text": f"the {field} is {answer[field]}",
            "about": market["symbol"],
            "evidence": [answer["evidence"]],
            "figures": [{"field": field, "value": float(answer[field])}],
        }
        for answer, field in ((trend, "trend"), (trend, "momentum"), (market, "last"))
    ]
    return {
        "abstain": None,
        "stance": round(stance, 3),
        "conviction": 0.6,
        "horizon_bars": 24,
        "claims": claims,
        "risks": ["the range may break"],
        "change_my_mind": ["trend below 0"],
    }


def plan(asked: JSON) -> JSON:
    """An entry wherever research is for it, four ranges from its stop."""
    text = asked["messages"][1]["content"]
    orders, judgements = [], []
    for part in text.split("### ")[1:]:
        symbol, *lines = part.splitlines()
        stance = next((float(_after(line, "stance ")) for line in lines if line.startswith("research: stance")), 0.0)
        judgements.append({"symbol": symbol, "stance": stance, "reason": "by research"})
        if stance < 0.45 or f"holds {symbol}" in text:
            continue
        last = float(_after(next(line for line in lines if line.startswith("last ")), "last "))
        found = text.partition(f"\n{symbol}: log_atr ")[2]
        reach = float(found.split(",")[0]) if found else 0.01
        evidence = next(line for line in lines if line.startswith("- ") and line.endswith("]"))
        orders.append(
            {
                "index": None,
                "symbol": symbol,
                "action": "enter",
                "side": "buy",
                "share": 1,
                "limit_price": None,
                "stop_price": round(last * (1 - 4 * reach), 6),
                "target_price": round(last * (1 + 8 * reach), 6),
                "thesis": f"{symbol} rises",
                "invalidation": ["age_h >= 72 and gain < 1%"],
                "evidence": evidence[evidence.rindex("[") + 1 : -1].split(),
                "confidence": None,
            }
        )
    return {"abstain": None, "orders": orders, "judgements": judgements}


def review(asked: JSON) -> JSON:
    """Half of everything."""
    found = asked["messages"][1]["content"].split("\nindex ")[1:]
    rulings = [{"index": int(part.split(":")[0]), "share": 0.5, "reason": "too bold"} for part in found]
    return {"abstain": None, "rulings": rulings}


def _after(text: str, mark: str) -> str:
    """The number that follows a mark."""
    found = text.split(mark, 1)[1].split()[0]
    return found.rstrip(",;")


def main() -> None:
    """A server of its own process: prints its address, answers until its input ends, then prints what it was asked."""
    import sys

    async def serve() -> None:
        async with ChatServer(analyst, float(sys.argv[1])).running() as server:
            print(server.url, flush=True)
            while line := await asyncio.to_thread(sys.stdin.readline):
                if line.strip() == "asked":
                    print(
                        json.dumps([(at, asked) for at, asked in zip(server.times, server.asked, strict=True)]),
                        flush=True,
                    )
                    server.asked.clear()
                    server.times.clear()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
