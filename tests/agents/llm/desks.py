"""Desks that ask a model on this machine."""

from contextlib import AbstractAsyncContextManager
from decimal import Decimal

from agents.llm.settings import LlmSettings
from bench.chat_server import ChatServer, Model
from core.canonical import JSON
from desk.settings import Settings, parse


def served(model: Model, latency_s: float = 0.0) -> AbstractAsyncContextManager[ChatServer]:
    return ChatServer(model, latency_s).running()


def llm(url: str, **more: object) -> LlmSettings:
    """A local server of a model that costs a dollar for a million tokens, and no waiting between attempts."""
    return LlmSettings.model_validate(table(url, **more))


def table(url: str, **more: object) -> JSON:
    prices = {name: {"prompt": Decimal(1), "completion": Decimal(2)} for name in ("m", "other")}
    base = {"provider": "vllm", "base_url": url, "model": "m", "wait_s": Decimal("0.001"), "prices": prices}
    return {**base, **more}


def settings(url: str, **more: object) -> Settings:
    return parse({"llm": table(url, **more)}, "the test")
