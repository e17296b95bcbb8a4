"""What a proposal rests on is looked up in the record, whatever it says of itself."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import insert

from core.canonical import canonical_text
from core.orders import Proposal
from core.taint import Taint
from core.time import HOUR_NS
from core.verdicts import AnswerKind
from execution.provenance import intent_of
from memory.books import blobs, tables
from risk.codes import DenialCode
from risk.facts import Intent
from tests.execution.desk import SEEN, Desk, denials

READ = "text:BTC/USDT:news"


def intent(desk: Desk, proposal: Proposal, *, vouched: bool = False) -> Intent:
    return desk.books.read(lambda conn: intent_of(conn, proposal, vouched=vouched))


@pytest.fixture
def reading(desk: Desk) -> Desk:
    """The cycle "test" has read a text too: its answer is a list of ids, kept as a blob."""

    def write(conn: object) -> None:
        body = canonical_text({"evidence": [READ], "score": "0.1"})
        row = {"cycle_id": "test", "node": "sentiment", "lane": "BTC/USDT", "sequence": 1, "request": ""}
        kept = blobs.put(conn, body.encode())  # type: ignore[arg-type]
        conn.execute(insert(tables.effects).values(**row, response=kept, body=None))  # type: ignore[attr-defined]

    desk.books.write(write)
    return desk


def test_evidence_that_the_record_does_not_have_is_counted(desk: Desk) -> None:
    assert intent(desk, desk.buy("1")).unknown_evidence == 0
    invented = replace(desk.buy("1"), evidence=(SEEN, "market_snapshot:BTC/USDT:made-up"))
    assert (intent(desk, invented).evidence, intent(desk, invented).unknown_evidence) == (2, 1)


def test_evidence_of_another_cycle_is_no_evidence(desk: Desk) -> None:
    assert intent(desk, desk.buy("1", source="cycle:other")).unknown_evidence == 1


def test_evidence_is_found_in_blobs_and_in_lists(reading: Desk) -> None:
    assert intent(reading, replace(reading.buy("1"), evidence=(READ,))).unknown_evidence == 0


def test_who_cites_a_text_is_at_least_derived_whatever_it_says(reading: Desk) -> None:
    both = replace(reading.buy("1"), evidence=(SEEN, READ), taint=Taint.TRUSTED)
    assert (intent(reading, both).taint, intent(reading, both).least_taint) == (Taint.DERIVED, Taint.TRUSTED)


def test_text_alone_is_text_alone_whatever_it_says(reading: Desk) -> None:
    alone = replace(reading.buy("1"), evidence=(READ,), taint=Taint.TRUSTED)
    assert intent(reading, alone).least_taint is Taint.DERIVED


def test_invented_venue_data_supports_nothing(reading: Desk) -> None:
    propped = replace(reading.buy("1"), evidence=(READ, "market_snapshot:made-up"), taint=Taint.DERIVED)
    assert intent(reading, propped).least_taint is Taint.DERIVED


def tell(desk: Desk, *answers: dict[str, object]) -> None:
    """More that the cycle "test" was answered, in this order."""

    def write(conn: object) -> None:
        for at, answer in enumerate(answers, start=1):
            row = {"cycle_id": "test", "node": "later", "lane": "BTC/USDT", "sequence": at, "request": ""}
            kept = {"response": str(at), "body": canonical_text(answer)}
            conn.execute(insert(tables.effects).values(**row, **kept))  # type: ignore[attr-defined]

    desk.books.write(write)


@pytest.mark.parametrize("order", [(2, 0), (0, 2), (3, 1, 0)])
def test_evidence_that_two_answers_brought_is_as_tainted_as_the_worst_of_them(
    desk: Desk, order: tuple[int, ...]
) -> None:
    tell(desk, *({"evidence": ["told:twice"], "taint": taint, "at": at} for at, taint in enumerate(order)))
    rests = intent(desk, replace(desk.buy("1"), evidence=("told:twice",), taint=Taint.TRUSTED))
    assert (rests.taint, rests.least_taint) == (Taint(max(order)), Taint(max(order)))


@pytest.mark.parametrize("taint", [7, "high", -1, None, [0]])
def test_a_taint_that_is_none_is_the_worst(desk: Desk, taint: object) -> None:
    tell(desk, {"evidence": "told:oddly", "taint": taint})
    assert intent(desk, replace(desk.buy("1"), evidence=("told:oddly",), taint=Taint.TRUSTED)).taint is Taint.HOSTILE


@pytest.mark.parametrize("about_itself", ["position_size:BTC/USDT:1", "portfolio_view:account:1", "recall:BTC/USDT:1"])
def test_what_is_known_of_the_account_and_its_past_holds_no_order_up_that_rests_on_text(
    reading: Desk, about_itself: str
) -> None:
    tell(reading, {"evidence": about_itself})
    order = replace(reading.buy("1"), evidence=(READ, about_itself), taint=Taint.TRUSTED)
    assert intent(reading, order).least_taint is Taint.DERIVED
    assert intent(reading, order).unknown_evidence == 0
    propped = replace(order, evidence=(*order.evidence, SEEN))
    assert intent(reading, propped).least_taint is Taint.TRUSTED


def test_an_answer_that_there_is_none_is_no_evidence(desk: Desk) -> None:
    tell(desk, {"evidence": "trend_view:BTC/USDT:1", "unavailable": "no bars"})
    assert intent(desk, replace(desk.buy("1"), evidence=("trend_view:BTC/USDT:1",))).unknown_evidence == 1


def test_a_persons_word_is_their_own_evidence_and_nobody_elses(desk: Desk) -> None:
    said = replace(desk.buy("1", source="person:ada"), evidence=("person:ada",))
    assert intent(desk, said).unknown_evidence == 0
    assert intent(desk, replace(said, evidence=("person:bob",))).unknown_evidence == 1


@pytest.mark.parametrize("text", ["it goes down", "last <", "__import__('os')", "stance <= 0"])
def test_a_condition_that_code_cannot_check_is_counted(desk: Desk, text: str) -> None:
    found = intent(desk, replace(desk.buy("1"), invalidation=("last <= 90", text)))
    assert (found.predicates, found.unreadable_predicates) == (2, 1)


@pytest.mark.parametrize(("thesis", "said"), [("", False), (" \n", False), ("it rises", True)])
def test_a_thesis_of_blanks_is_none(desk: Desk, thesis: str, said: bool) -> None:
    assert intent(desk, replace(desk.buy("1"), thesis=thesis)).thesis is said


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"evidence": ()}, DenialCode.EVIDENCE),
        ({"evidence": ("made:up",)}, DenialCode.EVIDENCE),
        ({"thesis": ""}, DenialCode.THESIS),
        ({"invalidation": ()}, DenialCode.PREDICATES),
        ({"invalidation": ("whenever I like",)}, DenialCode.PREDICATES),
        ({"views_until_ns": None}, DenialCode.VIEW_AGE),
    ],
)
async def test_an_entry_that_rests_on_nothing_is_denied(desk: Desk, change: dict[str, object], code: str) -> None:
    receipt = await desk.propose(replace(desk.buy("1"), **change))
    assert receipt.kind is AnswerKind.DENIED
    assert denials(receipt) == [code]


async def test_a_view_past_its_horizon_carries_no_entry(desk: Desk) -> None:
    proposal = replace(desk.buy("1"), views_until_ns=desk.clock.now_ns())
    assert (await desk.propose(proposal)).kind is AnswerKind.WORKING
    late = replace(desk.buy("1", symbol="ETH/USDT"), views_until_ns=desk.clock.now_ns() - HOUR_NS)
    assert denials(await desk.propose(late)) == [DenialCode.VIEW_AGE]


async def test_an_exit_needs_no_reason_at_all(desk: Desk) -> None:
    await desk.bought("5")
    bare = replace(desk.sell("5"), thesis="", evidence=(), invalidation=(), taint=Taint.HOSTILE)
    assert (await desk.propose(bare)).kind is not AnswerKind.DENIED


def test_the_answer_of_an_effect_may_be_anything(desk: Desk) -> None:
    row = {"cycle_id": "test", "node": "n", "lane": "l", "request": "", "response": ""}
    for number, body in enumerate(([1, 2], "text", None, {"evidence": 7}, {"evidence": [1, SEEN]}), start=2):
        values = {**row, "sequence": number, "body": json.dumps(body)}
        desk.books.write(lambda conn, v=values: conn.execute(insert(tables.effects).values(**v)))  # type: ignore[misc]
    assert intent(desk, desk.buy("1")).unknown_evidence == 0
