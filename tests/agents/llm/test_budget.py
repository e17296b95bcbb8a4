"""Money: reserved before a call, settled after it, and never beyond a cap."""

import io
import threading
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import agents.llm.ledger as ledger_module
from agents.bill import Bill
from agents.llm.budget import Budget
from agents.llm.ledger import FileLedger, Spending
from agents.llm.saying import Unanswered, Usage, Why, usage_of
from agents.llm.settings import LlmSettings
from core.errors import DeskBusy
from market.store.locking import locked
from tests.agents.llm.desks import table

DAY = "2026-01-01"


def budget(folder: Path, **caps: str) -> Budget:
    """A dollar for a million tokens of the prompt, two for those of an answer of at most 1000: 0.002 and the prompt."""
    told = LlmSettings.model_validate({**table("http://127.0.0.1:1/v1"), "max_tokens": 1000, "budget": caps})
    return Budget(told, FileLedger(folder), lambda: DAY)


def refused(of: Budget, role: str, bill: Bill, size: int = 1500) -> bool:
    try:
        of.reserve(role, "m", size, bill)
    except Unanswered as failed:
        return failed.why is Why.BUDGET
    return False


def test_exactly_the_cap_is_allowed_and_one_token_more_is_not(tmp_path: Path) -> None:
    exactly = budget(tmp_path / "a", decision="0.003001")
    assert not refused(exactly, "plan", Bill(), size=1500)
    assert refused(budget(tmp_path / "b", decision="0.003"), "plan", Bill(), size=1500)


def test_what_is_reserved_counts_until_it_is_settled(tmp_path: Path) -> None:
    of, bill = budget(tmp_path, decision="0.005"), Bill()
    held = of.reserve("plan", "m", 1500, bill)
    assert refused(of, "plan", bill)
    cost = of.settle(held, Usage(100, 0, 10), bill)
    assert cost == Decimal("0.00012")
    assert bill.reserved == 0
    assert not refused(of, "plan", bill)


def test_a_server_that_counts_no_tokens_is_believed_to_have_used_all(tmp_path: Path) -> None:
    of, bill = budget(tmp_path), Bill()
    held = of.reserve("plan", "m", 1500, bill)
    assert of.settle(held, None, bill) == held.amount


def test_tokens_that_the_server_had_read_before_have_their_own_price(tmp_path: Path) -> None:
    told = table("http://127.0.0.1:1/v1")
    told["prices"]["m"]["cached"] = Decimal("0.1")
    of, bill = Budget(LlmSettings.model_validate(told), FileLedger(tmp_path), lambda: DAY), Bill()
    assert of.settle(of.reserve("plan", "m", 10, bill), Usage(1000, 900, 0), bill) == Decimal("0.00019")


def test_a_day_is_kept_through_a_restart(tmp_path: Path) -> None:
    for _ in range(3):
        assert not refused(budget(tmp_path, day="0.0095"), "plan", Bill())
    assert refused(budget(tmp_path, day="0.0095"), "research", Bill())


def test_a_decision_is_kept_through_a_restart(tmp_path: Path) -> None:
    """Killed in the middle of it, a desk decides again with a new bill, and with no more money than before."""
    for _ in range(3):
        assert not refused(budget(tmp_path, decision="0.0095"), "plan", Bill("cycle-1"))
    assert refused(budget(tmp_path, decision="0.0095"), "research", Bill("cycle-1"))
    assert not refused(budget(tmp_path, decision="0.0095"), "research", Bill("cycle-2"))


def test_a_decision_that_began_yesterday_goes_on_with_what_it_has_left(tmp_path: Path) -> None:
    caps = {"decision": "0.005"}
    told = LlmSettings.model_validate({**table("http://127.0.0.1:1/v1"), "max_tokens": 1000, "budget": caps})
    for day, is_refused in (("2025-12-31", False), ("2026-01-01", True), ("2026-01-02", False)):
        assert refused(Budget(told, FileLedger(tmp_path), lambda d=day: d), "plan", Bill("cycle-1")) is is_refused


def test_what_a_decision_gives_back_is_there_after_a_restart(tmp_path: Path) -> None:
    of, bill = budget(tmp_path, decision="0.005"), Bill("cycle-1")
    of.settle(of.reserve("plan", "m", 1500, bill), Usage(100, 0, 10), bill)
    assert not refused(budget(tmp_path, decision="0.005"), "plan", Bill("cycle-1"))


def test_the_money_of_a_decision_is_counted_once_against_its_day(tmp_path: Path) -> None:
    for _ in range(3):
        assert not refused(budget(tmp_path, day="0.0095", decision="1"), "plan", Bill("cycle-1"))
    assert refused(budget(tmp_path, day="0.0095", decision="1"), "plan", Bill("cycle-1"))


def test_reading_has_an_account_of_its_own(tmp_path: Path) -> None:
    of = budget(tmp_path, day="0.004", reader="0.004")
    assert not refused(of, "plan", Bill())
    assert refused(of, "plan", Bill())
    assert not refused(of, "reader", Bill())
    assert refused(of, "reader", Bill())


def test_a_call_that_failed_for_sure_costs_nothing(tmp_path: Path) -> None:
    of, bill = budget(tmp_path, day="0.004"), Bill()
    of.give_back(of.reserve("plan", "m", 1500, bill), bill, billed=False)
    assert not refused(of, "plan", bill)


@pytest.mark.parametrize(
    "broken",
    ["{broken\n", '["plan", "0.1"', "[]\n", '["plan", "much"]\n', '["plan", "1", 2]\n', '["plan", "NaN"]\n'],
)
def test_a_ledger_that_cannot_be_read_spends_nothing_more(tmp_path: Path, broken: str) -> None:
    of = budget(tmp_path)
    of.reserve("plan", "m", 10, Bill())
    with open(tmp_path / f"{DAY}.jsonl", "a") as file:
        file.write(broken)
    for asking in (of, budget(tmp_path)):
        with pytest.raises(Unanswered, match="cannot be read"):
            asking.reserve("plan", "m", 10, Bill())


def test_a_model_of_a_distant_server_needs_its_price() -> None:
    with pytest.raises(ValueError, match=r"gpt has no price: .*\[llm.prices.\"gpt\"\]"):
        LlmSettings.model_validate({"provider": "openai", "model": "gpt"})


def test_two_desks_that_ask_at_once_share_one_cap(tmp_path: Path) -> None:
    """Whoever reads what is spent adds to it before anybody else reads it."""
    both = threading.Barrier(2, timeout=0.2)

    class Slow(FileLedger):
        def _caught_up(self, day: str) -> Mapping[str, Spending]:
            found = super()._caught_up(day)
            with suppress(threading.BrokenBarrierError):  # the other one waits for its turn
                both.wait()
            return found

    told = LlmSettings.model_validate(
        {**table("http://127.0.0.1:1/v1"), "max_tokens": 1000, "budget": {"day": "0.0031"}}
    )
    said: list[bool] = []

    def asks() -> None:
        said.append(refused(Budget(told, Slow(tmp_path), lambda: DAY), "plan", Bill()))

    desks = [threading.Thread(target=asks) for _ in range(2)]
    for desk in desks:
        desk.start()
    for desk in desks:
        desk.join()
    assert sorted(said) == [False, True]
    assert FileLedger(tmp_path).spent(DAY)["plan"] <= Decimal("0.0031")


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"prompt_tokens": 0, "completion_tokens": 0},
        {"prompt_tokens": None, "completion_tokens": None},
        {"prompt_tokens": "1000", "completion_tokens": "100"},
        {"prompt_tokens": -5, "completion_tokens": -5},
        {"prompt_tokens": 1000},
        {"prompt_tokens": 1000, "completion_tokens": -1},
    ],
)
def test_a_count_that_is_none_costs_all_that_was_reserved(tmp_path: Path, told: Mapping[str, Any]) -> None:
    of, bill = budget(tmp_path), Bill()
    held = of.reserve("plan", "m", 1500, bill)
    assert of.settle(held, usage_of(told), bill) == held.amount


def test_a_ledger_that_is_busy_after_a_call_keeps_what_was_reserved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer has come, and a desk that cannot write its cost down goes on: the most that it can be is written."""
    monkeypatch.setattr("agents.llm.ledger._LOCK_WAIT_S", 0.02)
    of, bill = budget(tmp_path), Bill()
    answered, failed = of.reserve("plan", "m", 1500, bill), of.reserve("plan", "m", 1500, bill)
    with locked(tmp_path / ".lock"):
        assert of.settle(answered, Usage(100, 0, 10), bill) == Decimal("0.00012")
        of.give_back(failed, bill, billed=False)
        with pytest.raises(DeskBusy):
            of.reserve("plan", "m", 1500, bill)
    assert bill.reserved == 0
    assert FileLedger(tmp_path).spent(DAY)["plan"] == answered.amount + failed.amount


def test_a_home_that_cannot_be_written_asks_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unanswered, match="cannot be written down"):
        budget(tmp_path / "file" / "spent").reserve("plan", "m", 10, Bill())


def test_what_was_used_is_counted_by_role_beside_what_it_cost(tmp_path: Path) -> None:
    of, bill = budget(tmp_path), Bill()
    of.settle(of.reserve("plan", "m", 1500, bill), Usage(1000, 400, 100), bill)
    of.settle(of.reserve("plan", "m", 1500, bill), None, bill)
    held = of.reserve("chat", "m", 1500, bill)
    of.give_back(of.reserve("reader", "m", 1500, bill), bill, billed=False)
    ledger = FileLedger(tmp_path)
    assert ledger.days() == [DAY]
    assert ledger.spending(DAY) == {
        "plan": Spending(Decimal("0.0012") + held.amount, 2, 1000, 400, 100),
        "chat": Spending(held.amount),  # on its way
        "reader": Spending(Decimal(0)),
    }
    assert ledger.spending("2026-01-02") == {}


def test_what_another_desk_adds_is_read_before_the_next_call(tmp_path: Path) -> None:
    mine, theirs = FileLedger(tmp_path), FileLedger(tmp_path)
    for ledger in (mine, theirs, mine):
        ledger.add(DAY, ("plan",), Decimal("0.5"))
        ledger.add("2026-01-02", ("plan",), Decimal(1))
    assert mine.spent(DAY) == theirs.spent(DAY) == {"plan": Decimal("1.5")}
    assert theirs.spent("2026-01-02") == {"plan": Decimal(3)}


def test_half_a_line_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = FileLedger(tmp_path)
    ledger.add(DAY, ("plan",), Decimal("0.5"))

    class Full(io.FileIO):
        def write(self, content: Any) -> int:
            return super().write(content[:5])

    monkeypatch.setattr(ledger_module, "open", lambda file, mode, buffering: Full(file, mode), raising=False)
    with pytest.raises(OSError, match="half a line"):
        ledger.add(DAY, ("plan",), Decimal("0.5"))
    monkeypatch.undo()
    assert FileLedger(tmp_path).spent(DAY) == {"plan": Decimal("0.5")}
