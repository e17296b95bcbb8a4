"""The agents' backtest: bounded, counted, and told with its luck."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from core.errors import DataRefused, ToolInputError
from core.ports import Trial
from models.validation.trials import TrialsInMemory
from tests.models.builders import walk
from tests.tools.builders import context
from tools.registry import bind

TREND: Mapping[str, Any] = {
    "symbol": "BTC/USDT",
    "strategy": "trend",
    "over": [{"name": "fast", "values": ["5", "10"]}, {"name": "slow", "values": ["8", "20", "40"]}],
    "bars": 400,
    "short": True,
}


async def ask(ledger: TrialsInMemory | None = None, **changed: Any) -> dict[str, Any]:
    toolbox = bind(context(walk(400)), trials=ledger)
    return await toolbox.call("research", "BTC/USDT", "backtest", {**TREND, **changed})


async def test_the_best_sets_come_first_and_every_set_is_counted() -> None:
    ledger = TrialsInMemory()
    answer = await ask(ledger)
    ratios = [float(one["sharpe"]) for one in answer["best"]]
    assert ratios == sorted(ratios, reverse=True)
    assert (answer["sets"], answer["left_out"], answer["trials"]) == (5, 1, 5)
    assert len(ledger.of("backtest BTC/USDT 1h")) == 5
    assert answer["evidence"].startswith("backtest:BTC/USDT:")


async def test_the_same_call_again_is_no_new_trial_and_another_is() -> None:
    ledger = TrialsInMemory()
    first, second = await ask(ledger), await ask(ledger)
    assert first == second
    assert (await ask(ledger, strategy="breakout", over=[]))["trials"] == 6


async def test_without_a_ledger_nothing_is_tried() -> None:
    assert "ledger" in (await ask())["unavailable"]


@pytest.mark.parametrize("broken", [DataRefused("line 3 cannot be read"), OSError("no space left")])
async def test_a_ledger_that_cannot_count_is_told_and_ends_no_cycle(broken: Exception) -> None:
    class Broken(TrialsInMemory):
        def count_all(self, trials: Sequence[Trial]) -> None:
            raise broken

    assert str(broken) in (await ask(Broken()))["unavailable"]


async def test_too_few_trades_raise_an_alarm() -> None:
    assert "trades are no evidence" in (await ask(TrialsInMemory()))["alarms"][0]


async def test_a_look_back_beyond_the_history_is_unavailable() -> None:
    answer = await ask(TrialsInMemory(), over=[{"name": "slow", "values": ["900"]}])
    assert "needs 900 bars" in answer["unavailable"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"bars": 5_001}, "bars"),
        ({"strategy": "own.py"}, "strategy"),
        ({"over": [{"name": "quick", "values": ["5"]}]}, "unknown parameter quick"),
        ({"over": [{"name": "fast", "values": ["5", "5"]}]}, "each value once"),
        ({"over": [{"name": "fast", "values": ["5"]}] * 2}, "each parameter once"),
        ({"over": [{"name": name, "values": [str(n) for n in range(2, 9)]} for name in ("fast", "slow")]}, "at most"),
    ],
)
async def test_what_cannot_be_tried_is_told_to_the_model(changed: dict[str, Any], said: str) -> None:
    ledger = TrialsInMemory()
    with pytest.raises(ToolInputError, match=said):
        await ask(ledger, **changed)
    assert not ledger.of("backtest BTC/USDT 1h")
