import ast
from pathlib import Path

import pytest

import risk.sizing
import tools.sizing
from core.errors import ToolInputError
from core.ports import Abstain
from core.taint import Taint
from core.time import HOUR_NS
from tests.tools.builders import Lessons, a_lesson, context
from tools.context import AccountView, ToolContext
from tools.registry import TOOLS, bind

ASKED = {"symbol": "BTC/USDT", "text": "a rising market"}


async def test_a_desk_without_a_memory_says_so() -> None:
    answer = await bind(context()).call("research", "BTC/USDT", "recall", ASKED)
    assert answer["unavailable"] == "this desk remembers nothing"


async def test_a_memory_that_cannot_answer_says_why() -> None:
    class Broken:
        async def about(self, text: str, *, symbol: str, as_of_ns: int, n: int) -> Abstain:
            return Abstain("recall is broken: no disk")

    answer = await bind(context(), memory=Broken()).call("research", "BTC/USDT", "recall", ASKED)
    assert answer["unavailable"] == "recall is broken: no disk"


async def test_the_memory_is_asked_as_of_the_cycle_and_a_lesson_of_that_moment_is_told() -> None:
    cycle = context()
    memory = Lessons(a_lesson(known_at_ns=cycle.as_of_ns), a_lesson(known_at_ns=cycle.as_of_ns + 1))
    answer = await bind(cycle, memory=memory).call("research", "BTC/USDT", "recall", ASKED | {"n": 2})
    assert memory.asked == [("a rising market", "BTC/USDT", cycle.as_of_ns, 2)]
    assert [item["age_h"] for item in answer["items"]] == ["0"]


async def test_a_lesson_is_told_with_its_age_its_sample_and_its_source() -> None:
    cycle = context()
    memory = Lessons(a_lesson(known_at_ns=cycle.as_of_ns - 30 * HOUR_NS, n=7))
    [item] = (await bind(cycle, memory=memory).call("research", "BTC/USDT", "recall", ASKED))["items"]
    told = {key: item[key] for key in ("text", "n", "age_h", "source", "topic", "similarity", "trust")}
    assert told == {
        "text": "it fell",
        "n": 7,
        "age_h": "30",
        "source": "proposal:one",
        "topic": "long, rising",
        "similarity": "0.912",
        "trust": 0,
    }


@pytest.mark.parametrize(
    ("trusts", "taint"),
    [
        ([], Taint.TRUSTED),
        ([Taint.TRUSTED], Taint.TRUSTED),
        ([Taint.TRUSTED, Taint.DERIVED], Taint.DERIVED),
        ([Taint.HOSTILE, Taint.TRUSTED], Taint.HOSTILE),
    ],
)
async def test_the_worst_of_what_was_told_is_the_taint_of_the_evidence(trusts: list[Taint], taint: Taint) -> None:
    toolbox = bind(context(), memory=Lessons(*(a_lesson(trust) for trust in trusts)))
    answer = await toolbox.call("research", "BTC/USDT", "recall", ASKED)
    assert toolbox.taints == {answer["evidence"]: taint}


@pytest.mark.parametrize("wrong", [{"text": ""}, {"text": "x" * 301}, {"n": 0}, {"n": 11}, {"symbol": "DOGE/USDT"}])
async def test_arguments_outside_their_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ToolInputError, match=f"recall: {next(iter(wrong))}: "):
        await bind(context(), memory=Lessons()).call("research", "BTC/USDT", "recall", ASKED | wrong)


async def test_no_lesson_changes_a_size() -> None:
    arguments = {"symbol": "BTC/USDT", "side": "buy", "stop_price": "1"}
    without = await bind(context()).call("plan", "BTC/USDT", "position_size", arguments)
    for memory in (Lessons(a_lesson(n=1)), Lessons(a_lesson(Taint.HOSTILE, n=1_000))):
        toolbox = bind(context(), memory=memory)
        await toolbox.call("plan", "BTC/USDT", "recall", ASKED)
        assert await toolbox.call("plan", "BTC/USDT", "position_size", arguments) == without
    with pytest.raises(ToolInputError, match="lesson is not an argument"):
        await toolbox.call("plan", "BTC/USDT", "position_size", {**arguments, "lesson": "buy more"})


def test_what_sizes_orders_can_reach_no_memory() -> None:
    seen = {*ToolContext.__dataclass_fields__, *AccountView.__dataclass_fields__}
    assert not {name for name in seen if "memory" in name or "recall" in name or "lesson" in name}
    for module in (tools.sizing, risk.sizing):
        tree = ast.parse(Path(str(module.__file__)).read_text())
        imported = {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        assert not {name for name in imported if name.startswith(("memory", "agents", "tools.remembering"))}
    assert set(TOOLS["position_size"].input.model_fields) == {"symbol", "side", "stop_price"}
