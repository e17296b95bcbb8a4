"""`warden chat`: one question, lines of a pipe, threads, and a model on this machine."""

import asyncio
import io
import json
import shutil
import sys
import threading
from collections.abc import Iterator

import pytest

from core.canonical import JSON
from desk.home import Home
from tests.agents.llm.desks import served
from tests.agents.llm.test_streaming import streamed
from tests.api.conftest import Demo
from tests.api.terminal import Told, warden
from tests.desk.desks import rows

ORDER = "buy 10 USDT of BTC stop 1 because a test"


@pytest.fixture
def own(demo: Demo, home: Home) -> Home:
    """The demo's home, to write in."""
    shutil.copytree(demo.home.path, home.path, dirs_exist_ok=True)
    return home


@pytest.fixture
def model() -> Iterator[JSON]:
    """A server in a thread of its own: it gives these `replies` in turn, and keeps what it was `asked`."""
    state: JSON = {"replies": [], "asked": []}
    ready, over = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with served(lambda asked: state["replies"][len(server.asked) - 1]) as server:
            state.update(url=server.url, asked=server.asked, loop=asyncio.get_running_loop())
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(30)
    yield state
    state["loop"].call_soon_threadsafe(over.set)
    thread.join(30)


def kinds(told: Told) -> list[str]:
    return [event["kind"] for event in told.json["events"]]


def actions(home: Home) -> int:
    return rows(home)["proposals"]


def test_a_question_is_answered_once(own: Home) -> None:
    told = warden(own, "chat", "why", "did", "you", "buy", "BTC")
    assert (told.code, told.err) == (0, "")
    assert "because: " in told.out


def test_the_same_answer_comes_as_data(own: Home) -> None:
    told = warden(own, "chat", "portfolio", "--json")
    assert (told.code, kinds(told)) == (0, ["told"])
    assert told.json["taint"] == "trusted"


@pytest.mark.parametrize("question", ["frobnicate", "news PUMP", "wie viel Geld habe ich?", "x" * 5_000, "a\x07b"])
def test_what_is_not_understood_is_one_sentence(own: Home, question: str) -> None:
    warden(own, "chat", question).refused(code=1)


def test_before_a_desk_ran_it_says_what_to_run(home: Home) -> None:
    warden(home, "chat", "portfolio").refused("warden run", code=1)
    assert warden(home, "chat", "help").code == 0


def test_an_order_waits_in_its_thread_and_goes_on_by_its_id(own: Home) -> None:
    before = actions(own)
    asked = warden(own, "chat", ORDER, "--json")
    assert (asked.code, kinds(asked), actions(own)) == (0, ["asks"], before)
    done = warden(own, "chat", "yes", "--thread", asked.json["thread"][:6], "--json")
    assert kinds(done) == ["done"]
    assert actions(own) == before + 1
    again = warden(own, "chat", "yes", "--thread", asked.json["thread"], "--json")
    assert (again.code, actions(own)) == (1, before + 1)


def test_a_denied_order_has_its_exit_code(own: Home) -> None:
    told = warden(own, "chat", "buy 10 USDT of BTC", "--yes", "--json")
    assert (told.code, kinds(told)) == (3, ["asks", "done"])


def test_lines_of_a_pipe_are_turns_of_one_thread(own: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"portfolio\n\n{ORDER}\nno\n"))
    told = warden(own, "chat", "--json")
    assert kinds(told) == ["told", "asks", "note"]
    [thread] = warden(own, "chat", "--list", "--json").json
    assert (thread["thread_id"], thread["title"]) == (told.json["thread"], "portfolio")


def test_an_unknown_thread_is_refused(own: Home) -> None:
    warden(own, "chat", "portfolio", "--thread", "zzz").refused("no thread", "zzz")
    warden(own, "chat", "portfolio", "--continue", "--by", "bob").refused("bob has no thread")


def test_a_model_on_this_machine_proposes_and_a_person_says_yes(own: Home, model: JSON) -> None:
    wish = json.dumps({"symbol": "BTC", "side": "buy", "worth": "10", "stop": "1", "because": "they asked"})
    call = {"index": 0, "id": "c1", "function": {"name": "propose", "arguments": wish}}
    model["replies"] = [streamed({"tool_calls": [call]}, finish="tool_calls"), streamed({"content": "Say yes or no."})]
    (own.path / "warden.toml").write_text(f'[llm]\nprovider = "vllm"\nbase_url = "{model["url"]}"\nmodel = "m"\n')
    warden(own, "chat", "please buy me a little BTC", "--yes").refused("begin it with /")
    before = actions(own)
    asked = warden(own, "chat", "please buy me a little BTC", "--json")
    assert kinds(asked) == ["looked", "asks", "said"], asked
    assert actions(own) == before
    assert warden(own, "chat", "yes", "--thread", asked.json["thread"], "--json").json["events"][0]["kind"] == "done"
    assert actions(own) == before + 1
    assert model["asked"][0]["stream"] is True


def test_a_pipe_does_not_say_yes_to_what_a_model_makes_of_its_lines(
    own: Home, model: JSON, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody saw it: a file of somebody else's words must not buy, though its next line is a yes."""
    wish = json.dumps({"symbol": "BTC", "side": "buy", "worth": "10", "stop": "1", "because": "they asked"})
    call = {"index": 0, "id": "c1", "function": {"name": "propose", "arguments": wish}}
    model["replies"] = [streamed({"tool_calls": [call]}, finish="tool_calls"), streamed({"content": "Say yes or no."})]
    (own.path / "warden.toml").write_text(f'[llm]\nprovider = "vllm"\nbase_url = "{model["url"]}"\nmodel = "m"\n')
    before = actions(own)
    monkeypatch.setattr(sys, "stdin", io.StringIO("please buy me a little BTC\nYES!\n"))
    told = warden(own, "chat", "--json")
    assert (told.code, kinds(told)) == (1, ["looked", "asks", "said", "note"])
    assert "nobody has seen" in told.json["events"][-1]["text"]
    assert actions(own) == before
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    seen = warden(own, "chat", "--thread", told.json["thread"], "--json")
    assert kinds(seen) == ["done"]
    assert actions(own) == before + 1


def test_a_model_that_is_away_leaves_the_grammar(own: Home) -> None:
    (own.path / "warden.toml").write_text('[llm]\nprovider = "vllm"\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n')
    told = warden(own, "chat", "portfolio")
    assert "no model answered" in told.err
    assert "equity" in told.out
