"""Which entries of a run were denied for good, by its records."""

from core.canonical import JSON
from core.orders import Side
from desk.denials import denials, denied_in
from desk.home import Home
from memory.books import records
from tests.desk.desks import BUYS_ETH, books_of, moment, report_of, run, tightened


async def test_the_records_of_a_run_tell_which_entries_were_denied(home: Home) -> None:
    result = await run(home, moment(BUYS_ETH), tightened(max_order_size="0.0004"))
    with books_of(home) as books:
        ran = books.read(lambda conn: records.find_run(conn, result.run_id))
        assert ran is not None
        [denied] = books.read(lambda conn: denials(conn, ran))
    assert (denied.symbol, denied.side, denied.decided_ns) == ("ETH/USDT", Side.BUY, BUYS_ETH[1])
    assert denied.codes
    assert set(denied.codes) <= set(report_of(home, result)["denied_by"])
    assert denied.stop is not None
    assert denied.quantity > 0


def body(*answers: tuple[int, int, str], reduce_only: bool = False) -> JSON:
    """A record of plans with an order each: answers are (revision, index, kind)."""
    order = {
        "symbol": "BTC/USDT",
        "side": "buy",
        "quantity": "0.5",
        "stop_price": "95",
        "target_price": None,
        "reduce_only": reduce_only,
        "exits": {"time_limit_s": 60},
    }
    verdicts = [
        {"code": "spread", "outcome": "denied", "measured": "7"},
        {"code": "funding", "outcome": "denied", "measured": None},
        {"code": "size", "outcome": "passed", "measured": "1"},
    ]
    return {
        "as_of_ns": 7,
        "plans": [{"revision": revision, "orders": [{**order, "index": index}]} for revision, index, _ in answers],
        "answers": [
            {"revision": revision, "index": index, "kind": kind, "verdicts": verdicts if kind == "denied" else []}
            for revision, index, kind in answers
        ],
    }


def test_an_entry_that_a_revision_brought_through_was_not_lost() -> None:
    assert list(denied_in(body((0, 0, "denied"), (1, 0, "working")))) == []
    [twice] = denied_in(body((0, 0, "denied"), (1, 0, "denied")))
    assert (twice.codes, twice.decided_ns, twice.quantity, twice.time_limit_s) == (
        ("spread", "funding, not measurable"),
        7,
        0.5,
        60,
    )


def test_an_exit_is_never_an_entry_denied() -> None:
    assert list(denied_in(body((0, 0, "denied"), reduce_only=True))) == []
