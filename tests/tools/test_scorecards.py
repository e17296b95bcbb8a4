from decimal import Decimal

from core.quotes import OutsideSignal
from core.taint import Taint
from models.learners.naive import Drift, LastSign
from tests.models.builders import walk
from tests.tools.builders import context, judge
from tools.registry import bind

ASKED = {"symbol": "BTC/USDT"}


async def test_without_forecasters_there_are_no_scorecards() -> None:
    assert (await bind(context()).call("r", "l", "scorecards", ASKED))["unavailable"] == "nobody forecasts here"
    assert (await bind(context(), judge=judge()).call("r", "l", "scorecards", ASKED))["unavailable"]


async def test_every_forecaster_is_told_with_its_record() -> None:
    answer = await bind(context(), judge=judge(LastSign(), Drift(), bars=walk(780))).call("r", "l", "scorecards", ASKED)
    outlook = await judge(LastSign(), Drift(), bars=walk(780))("BTC/USDT")
    assert [card["name"] for card in answer["scored"]] == [line["name"] for line in outlook["lines"]]
    for card, line in zip(answer["scored"], outlook["lines"], strict=True):
        assert {key: line[key] for key in card if key != "evidence"} == {
            k: v for k, v in card.items() if k != "evidence"
        }
    assert answer["horizon_bars"] == outlook["horizon_bars"]


async def test_who_has_too_short_a_record_is_silent_with_the_reason() -> None:
    answer = await bind(context(), judge=judge(LastSign(), bars=walk(100))).call("r", "l", "scorecards", ASKED)
    assert "outcomes" in (answer.get("unavailable") or answer["silent"][0])


async def test_our_own_forecasters_are_trusted() -> None:
    toolbox = bind(context(), judge=judge(LastSign(), Drift(), bars=walk(780)))
    answer = await toolbox.call("r", "l", "scorecards", ASKED)
    assert toolbox.taints == {answer["evidence"]: Taint.TRUSTED}


async def test_a_signal_that_has_a_vote_taints_the_answer() -> None:
    bars = walk(780)
    ends = bars.open_ns + bars.timeframe.ns
    # One that knows the next twelve bars earns a vote.
    told = tuple(
        OutsideSignal(
            source="oracle",
            value=Decimal(1) if bars.close[min(at + 12, len(bars) - 1)] > bars.close[at] else Decimal(-1),
            ts_event_ns=int(ends[at]),
            known_at_ns=int(ends[at]),
        )
        for at in range(len(bars))
    )
    toolbox = bind(context(), judge=judge(LastSign(), signals=told, bars=bars))
    answer = await toolbox.call("r", "l", "scorecards", ASKED)
    assert any(card["name"] == "oracle" and card["weight"] != "0" for card in answer["scored"])
    assert toolbox.taints == {answer["evidence"]: Taint.DERIVED}
