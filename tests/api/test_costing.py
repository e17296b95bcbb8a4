"""What language models cost, as a person and a program see it."""

from decimal import Decimal

from agents.llm.ledger import FileLedger
from agents.llm.saying import Usage
from desk.home import Home
from tests.api.terminal import warden


def test_what_models_cost_is_told_by_day_and_role(home: Home) -> None:
    ledger = FileLedger(home.models_spent)
    ledger.add("2026-01-01", ("plan",), Decimal("9"))
    for _ in range(2):
        ledger.add("2026-01-02", ("research",), Decimal("0.01"))
        ledger.add("2026-01-02", ("research",), Decimal("-0.0075"), used=Usage(4000, 3000, 200))
    ledger.add("2026-01-02", ("chat",), Decimal("0.5"))
    told = warden(home, "costs", "--days", "1", "--json").json
    assert told == [
        {
            "day": "2026-01-02", "role": "chat", "calls": 0, "usd": "0.5",
            "prompt_tokens": 0, "cached_tokens": 0, "completion_tokens": 0,
        },
        {
            "day": "2026-01-02", "role": "research", "calls": 2, "usd": "0.005",
            "prompt_tokens": 8000, "cached_tokens": 6000, "completion_tokens": 400,
        },
    ]  # fmt: skip
    shown = warden(home, "costs").out
    assert "8,000" in shown
    assert "together 9.5050 USD" in shown


def test_a_home_that_asked_no_model_says_so(home: Home) -> None:
    assert warden(home, "costs").out == "no language model was asked yet\n"
    assert warden(home, "costs", "--json").json == []


def test_a_day_that_does_not_read_is_no_day_without_cost(home: Home) -> None:
    FileLedger(home.models_spent).add("2026-01-01", ("plan",), Decimal(1))
    (home.models_spent / "2026-01-01.jsonl").write_text("?")
    warden(home, "costs").refused("2026-01-01.jsonl cannot be read", code=1)
