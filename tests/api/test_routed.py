"""How an order is shown that several venues share: what each got, what it would have cost alone, and why not."""

from api.cli import show
from api.cli.console import console
from core.canonical import JSON

ORDER = {"type": "market", "side": "buy", "symbol": "BTC/USDT", "quantity": "3", "limit_price": None}


def part(venue: str, quantity: str) -> JSON:
    return {"venue": venue, "account": f"desk-{venue}-live", "proposal": {"order": {**ORDER, "quantity": quantity}}}


def test_every_venue_has_its_part_or_the_reason_why_not() -> None:
    route = {
        "parts": [part("binance", "2"), part("kraken", "1")],
        "alone": {"binance": "180300", "kraken": None, "bybit": "190000"},
        "left_out": {"bybit": "others are cheaper", "okx": "it could not be reached"},
        "saved": "42.5",
        "reason": "splitting it pays",
    }
    answer = {
        "proposal": {"order": ORDER},
        "kind": "waiting",
        "reducing": False,
        "verdicts": [],
        "detail": "",
        "route": route,
        "parts": [{"kind": "done"}, {"kind": "waiting"}],
    }
    with console.capture() as told:
        show.judged(answer)
    lines = {line.split()[0]: line for line in told.get().splitlines() if line.strip()}
    assert "180,300.00" in lines["binance"]
    assert "DONE" in lines["binance"]
    assert "WAITING" in lines["kraken"]
    assert "others are cheaper" in lines["bybit"]
    assert "it could not be reached" in lines["okx"]
    assert "splitting it pays; saves 42.50" in told.get()
