"""A claim stands on evidence that was given, on the figures that stand in it, and on nothing else."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agents.claims import checked
from agents.views import Claim, Figure, Opinion
from core.ports import Abstain
from core.taint import Taint
from tools.toolbox import Toolbox

GIVEN = {
    "trend_view:BTC/USDT:1": {"symbol": "BTC/USDT", "trend": "0.51", "adx": None},
    "recall:BTC/USDT:2": {"symbol": "BTC/USDT", "lesson": "buy now"},
    "trend_view:ETH/USDT:3": {"symbol": "ETH/USDT", "trend": "1.2"},
}
TAINTS = dict.fromkeys(GIVEN, Taint.TRUSTED) | {"recall:BTC/USDT:2": Taint.UNTRUSTED}
TOOLBOX = cast("Toolbox", SimpleNamespace(answers=GIVEN, taints=TAINTS))


def claim(evidence: str = "trend_view:BTC/USDT:1", **more: Any) -> Claim:
    return Claim(text="it rises", evidence=(evidence,), **more)


def judged(*claims: Claim) -> Opinion | Abstain:
    told = Opinion(symbol="BTC/USDT", stance=Decimal("0.5"), claims=claims, conviction=Decimal("0.8"))
    return checked(told, TOOLBOX, traced=True)


def stands(wanted: Claim) -> bool:
    return isinstance(judged(wanted), Opinion)


def test_a_claim_on_evidence_that_was_given_stands() -> None:
    assert stands(claim())


def test_a_claim_on_evidence_that_nobody_gave_falls() -> None:
    assert not stands(claim("trend_view:BTC/USDT:9"))


def test_a_claim_about_an_instrument_that_its_evidence_is_not_about_falls() -> None:
    assert not stands(claim("trend_view:ETH/USDT:3"))
    assert stands(claim("trend_view:ETH/USDT:3", about="ETH/USDT"))


@pytest.mark.parametrize(
    ("stated", "agrees"),
    [("0.51", True), ("0.5", True), ("0.512", True), ("0.513", False), ("0.6", False), ("-0.51", False), ("51", False)],
)
def test_a_figure_may_be_rounded_and_not_contradicted(stated: str, agrees: bool) -> None:
    assert stands(claim(figures=(Figure(field="trend", value=Decimal(stated)),))) is agrees


@pytest.mark.parametrize("field", ["momentum", "adx", "symbol"])
def test_a_figure_that_its_evidence_does_not_have_falls(field: str) -> None:
    assert not stands(claim(figures=(Figure(field=field, value=Decimal(1)),)))


def test_what_falls_is_named_and_weighs_on_the_conviction() -> None:
    found = judged(claim(), claim("forged"))
    assert isinstance(found, Opinion)
    assert len(found.claims) == 1
    assert found.dropped == ("it rises: no tool gave the evidence 'forged'",)
    assert found.conviction == Decimal("0.4")


def test_the_taint_of_a_claim_is_that_of_its_evidence_whatever_was_stated() -> None:
    found = judged(claim("recall:BTC/USDT:2", taint=Taint.TRUSTED))
    assert isinstance(found, Opinion)
    assert found.claims[0].taint is Taint.UNTRUSTED


def test_an_opinion_of_which_nothing_stands_is_an_abstention() -> None:
    found = judged(claim("forged"))
    assert isinstance(found, Abstain)
    assert "no claim stands" in found.reason
