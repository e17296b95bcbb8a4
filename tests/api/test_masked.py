"""`warden run --masked` and `warden backtest desk --masked`, over a server of language models on this machine."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.chat_server import ChatServer, analyst
from core.time import HOUR_NS, show_time
from desk.home import Home
from tests.api.terminal import warden
from tests.desk.desks import BUYS_BOTH

SEED, AT = BUYS_BOTH
ONE = ("run", "--seed", str(SEED), "--as-of", show_time(AT))


@contextmanager
def serving() -> Iterator[ChatServer]:
    """On a loop of its own: a command has one too."""
    server, ready, ended = ChatServer(analyst), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with server.running():
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(30)
        yield server
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


@pytest.fixture
def server(home: Home) -> Iterator[ChatServer]:
    """A home whose desk asks it."""
    with serving() as made:
        home.make()
        llm = f'[llm]\nprovider = "vllm"\nbase_url = "{made.url}"\nmodel = "m"\n'
        (home.path / "warden.toml").write_text(llm + '[models.sentiment]\nscorer = "lexicon"\n')
        yield made


def names(server: ChatServer) -> bool:
    """Whether a request holds an asset's name; those that were looked at are gone."""
    sent = json.dumps(server.asked)
    assert sent != "[]"
    server.asked.clear()
    return any(name in sent for name in ("BTC", "ETH", "USDT"))


def test_a_masked_run_is_told_replayed_and_recomputed_as_one(home: Home, server: ChatServer) -> None:
    told = warden(home, *ONE, "--masked")
    assert (told.code, told.err) == (0, "")
    assert "masked: its models saw no symbol, date or price scale; prices in their words count from 100" in told.out
    assert "buy 0.02061 market, stop 89,571.53" in told.out
    assert not names(server)

    again = warden(home, *ONE, "--masked", "--json").json
    assert (again["masked"], again["reported"], server.asked) == (True, True, [])
    record = again["records"][0]["record_id"]
    assert "prices in their words count from 100" in warden(home, "audit", "show", record).out
    assert warden(home, "audit", "replay", record).code == 0
    # The settings are not masked: the record's models were.
    recomputed = warden(home, "audit", "recompute", record, "--models", "--json").json
    assert (recomputed["same"], recomputed["asked"] > 20) == (True, True)
    assert not names(server)


def test_without_the_flag_it_is_another_run_of_another_policy(home: Home, server: ChatServer) -> None:
    masked, bare = (warden(home, *ONE, *flag, "--json").json for flag in (["--masked"], []))
    assert (masked["masked"], bare["masked"]) == (True, False)
    assert masked["run"] != bare["run"]
    assert names(server)


def test_a_replayed_desk_can_be_masked_too(home: Home, server: ChatServer) -> None:
    span = ("--from", show_time(AT), "--to", show_time(AT + HOUR_NS), "--every", "1h")
    told = warden(home, "backtest", "desk", "--market", "simulated", "--seed", str(SEED), *span, "--masked", "--json")
    assert (told.code, told.err) == (0, "")
    assert not names(server)


def test_the_doctor_says_that_models_are_masked(home: Home, server: ChatServer) -> None:
    file = home.path / "warden.toml"
    file.write_text(file.read_text().replace("[llm]", "[llm]\nmasked = true"))
    assert "no symbols, no dates, no price scale" in " ".join(warden(home, "doctor").out.split())


@pytest.mark.parametrize(
    "words", [ONE, ("backtest", "desk", "--from", "2026-02-16", "--to", "2026-02-16", "--every", "1h")]
)
def test_without_a_language_model_there_is_nothing_to_mask(home: Home, words: tuple[str, ...]) -> None:
    warden(home, *words, "--masked").refused("--masked hides the market from a language model", "provider is rules")
