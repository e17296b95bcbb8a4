"""`warden instructions`: typed from plain options, shown, confirmed, and given to a run."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from agents.instructions import parsed
from core.money import text_of
from desk.home import Home
from tests.api.conftest import Demo
from tests.api.terminal import Told, warden
from tests.desk.desks import fresh_home, run, series, write_hourly_candles

DCA = ("--symbol", "BTC/USDT", "--quote", "50", "--every", "1d")


def add(home: Home, *words: str) -> Told:
    return warden(home, "instructions", "add", *words)


@pytest.fixture(scope="module")
def instructed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home whose run had an instruction that buys every six hours; to be copied."""
    candles = write_hourly_candles(tmp_path_factory.mktemp("candles"))
    what = {"kind": "dca", "symbol": "BTC/USDT", "quote": "100", "every": "6h"}
    one = parsed({"strategy": what, "budget": {"max_orders": 30, "max_spend": "3000"}})
    command = replace(series(candles, "2026-02-14", "2026-02-15", every_h=24), instructions=(one,))
    with fresh_home() as made:
        asyncio.run(run(made, command))
        yield made


@pytest.fixture
def standing(instructed: Home, home: Home) -> Home:
    shutil.copytree(instructed.path, home.path, dirs_exist_ok=True)
    return home


def test_each_of_the_four_is_written_down_for_a_run(home: Home) -> None:
    file = str(home.path / "plan.json")
    grid = ("--symbol", "ETH/USDT", "--lower", "2500", "--upper", "2900", "--stop", "2000", "--quote", "100")
    smart = ("--symbol", "ETH/USDT", "--quote", "500", "--stop", "2600", "--target", "3000", "--target", "3400")
    weights = ("--weight", "BTC/USDT=0.1", "--weight", "ETH/USDT=0.1", "--every", "7d", "--spend", "5000")
    for words in (("dca", *DCA), ("grid", *grid), ("smart", *smart), ("rebalance", *weights)):
        assert add(home, *words, "--save", file).code == 0
    kinds = [each["strategy"]["kind"] for each in json.loads(Path(file).read_text())]
    assert kinds == ["dca", "grid", "smart", "rebalance"]


def test_what_it_may_spend_is_what_its_orders_may_come_to_unless_somebody_says_less(home: Home) -> None:
    file = str(home.path / "plan.json")
    (told,) = add(home, "dca", *DCA, "--orders", "7", "--save", file, "--json").json
    assert told["budget"] == {"max_orders": 7, "max_spend": "350"}


def test_an_instruction_for_a_finished_run_is_refused_with_what_to_do(demo: Demo) -> None:
    add(demo.home, "dca", *DCA, "--yes", "--json").refused("has finished", "--save FILE")


def test_a_program_confirms_with_a_word(demo: Demo) -> None:
    add(demo.home, "dca", *DCA, "--json").refused("--yes")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("dca", "--symbol", "BTC/USDT", "--quote", "much", "--every", "1d"), "dca.quote"),
        (("dca", "--symbol", "btc", "--quote", "1", "--every", "1d"), "dca.symbol"),
        (("dca", *DCA, "--until", "soon"), "budget.until"),
        (("smart", "--symbol", "BTC/USDT", "--quote", "1", "--stop", "90", "--entry", "80"), "expected a stop below"),
        (("rebalance", "--weight", "BTC/USDT", "--every", "7d", "--spend", "1"), "SYMBOL=FRACTION"),
        (("file", "nowhere.json"), "nowhere.json cannot be read"),
    ],
)
def test_what_is_wrong_is_named(home: Home, words: tuple[str, ...], found: str) -> None:
    more = () if words[0] == "file" else ("--save", "plan.json")
    add(home, *words, *more).refused(found)


def test_a_person_is_shown_what_was_placed_and_what_it_came_to(standing: Home) -> None:
    (line,) = warden(standing, "instructions", "list", "--json").json
    assert (line["state"], line["placed"]) == ("active", 5)
    told = warden(standing, "instructions", "show", line["instruction"][:8])
    assert told.code == 0
    assert "buys BTC/USDT for 100 every 6h" in told.out
    assert told.out.count("buy BTC/USDT at") == 5
    orders = warden(standing, "orders", "list", "--all", "--json").json
    assert {order["owner"] for order in orders} == {f"instruction:{line['instruction'][:8]}"}


def test_the_portfolio_says_who_holds_what_of_a_position(standing: Home) -> None:
    (line,) = warden(standing, "instructions", "list", "--json").json
    data = warden(standing, "portfolio", "--json").json
    (held,), (position,) = data["instructed"], data["positions"]
    assert (held["instruction"], held["symbol"], held["state"]) == (line["instruction"], "BTC/USDT", "active")
    assert held["does"] == line["does"]
    assert Decimal(0) < Decimal(held["quantity"]) <= Decimal(position["quantity"])
    told = warden(standing, "portfolio").out
    row = next(words for words in told.splitlines() if f"instruction:{line['instruction'][:8]}" in words)
    assert held["quantity"] in row
    assert "none" not in row
    assert (
        f"is held by instruction:{line['instruction'][:8]}, which buys BTC/USDT for 100"
        in warden(standing, "chat", "portfolio").out
    )


def test_what_the_desk_holds_beside_an_instruction_is_its_own_row(standing: Home) -> None:
    before = warden(standing, "portfolio", "--json").json
    warden(standing, "instructions", "end", before["instructed"][0]["instruction"], "--json")
    ordered = warden(standing, "chat", "buy 200 USDT of BTC stop 1 because a test of two owners", "--yes", "--json")
    assert ordered.code == 0, ordered
    data = warden(standing, "portfolio", "--json").json
    (held,) = data["instructed"]
    rest = Decimal(data["positions"][0]["quantity"]) - Decimal(held["quantity"])
    assert rest > 0
    row = next(words for words in warden(standing, "portfolio").out.splitlines() if "the desk" in words)
    assert text_of(rest) in row


def test_it_is_paused_resumed_and_ended_by_a_person(standing: Home) -> None:
    (line,) = warden(standing, "instructions", "list", "--json").json
    for verb, state in (("pause", "paused"), ("resume", "active"), ("end", "ended")):
        told = warden(standing, "instructions", verb, line["instruction"], "--json")
        assert (told.code, told.json["state"]) == (0, state)
    warden(standing, "instructions", "resume", line["instruction"]).refused("only one that is paused")


def test_an_unknown_instruction_is_refused(standing: Home) -> None:
    warden(standing, "instructions", "show", "zzz").refused("whose id starts with 'zzz'", "warden instructions list")


def test_who_flattens_pauses_what_would_buy_again(standing: Home) -> None:
    assert warden(standing, "flatten").code == 0
    (line,) = warden(standing, "instructions", "list", "--json").json
    assert (line["state"], line["reason"]) == ("paused", "flattened by hand")
