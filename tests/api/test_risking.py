"""`warden risk`, `close` and `flatten`: a person's verbs over the risk officer, with their exit codes."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.cli import exiting
from core.canonical import JSON
from desk.home import Home
from tests.api.terminal import warden
from tests.desk.desks import BUYS_ETH, fresh_home, moment, run

STANDARD = (Path(__file__).parents[2] / "risk" / "policy" / "standard.toml").read_text()
FLAGS = pytest.mark.parametrize("flags", [[], ["--json"]], ids=["person", "program"])


@pytest.fixture(scope="module")
def bought() -> Iterator[Home]:
    """A home whose account holds ETH, to be copied."""
    with fresh_home() as made:
        asyncio.run(run(made, moment(BUYS_ETH)))
        yield made


@pytest.fixture
def holding(bought: Home, home: Home) -> Home:
    shutil.copytree(bought.path, home.path, dirs_exist_ok=True)
    return home


def status(home: Home) -> JSON:
    return warden(home, "risk", "status", "--json").json


def causes(home: Home) -> list[str]:
    return [cause["cause"] for cause in status(home)["causes"]]


# Status.


def test_the_status_tells_a_person_every_breaker(holding: Home) -> None:
    told = warden(holding, "risk", "status")
    assert (told.code, told.err) == (0, "")
    assert "is ACTIVE" in told.out
    for breaker in status(holding)["breakers"]:
        assert breaker["breaker"] in told.out


def test_the_status_tells_what_holds(holding: Home) -> None:
    warden(holding, "risk", "halt", "a drill", "--by", "ada")
    told = warden(holding, "risk", "status").out
    assert "is HALTED" in told
    assert "the kill file is present a drill (ada)" in told
    assert "latch #1 kill on account" in told


# Halt and resume.


@FLAGS
def test_a_halt_writes_the_kill_file_and_latches(holding: Home, flags: list[str]) -> None:
    told = warden(holding, "risk", "halt", "a drill", "--by", "ada", *flags)
    assert (told.code, told.err) == (0, "")
    assert "HALT" in told.out
    assert holding.kill_file.read_text() == "a drill (ada)\n"
    assert (status(holding)["state"], causes(holding)) == ("halted", ["kill"])


def test_a_halt_of_one_account_writes_no_file(holding: Home) -> None:
    account = status(holding)["account"]
    told = warden(holding, "risk", "halt", "a drill", "--account", account, "--json")
    assert (told.code, told.json["account"], told.json["kill_file"]) == (0, account, None)
    assert not holding.kill_file.exists()
    assert causes(holding) == ["kill"]


def test_a_halt_of_an_account_that_is_none_is_refused(holding: Home) -> None:
    warden(holding, "risk", "halt", "a drill", "--account", "nobody").refused("no account 'nobody'")
    assert not holding.kill_file.exists()


@FLAGS
@pytest.mark.parametrize(
    "harm", ["no account yet", "broken settings", "no database", "a changed journal"], ids=lambda harm: harm
)
def test_a_halt_works_by_the_file_alone_where_the_books_cannot_be_told(
    home: Home, bought: Home, flags: list[str], harm: str
) -> None:
    home.make()
    if harm == "broken settings":
        home.settings.write_text("[risk]\nmax_spred_bps = 1\n")
    elif harm == "no database":
        (home.path / "desk.db").write_bytes(b"not a database, and long enough to be looked at" * 100)
    elif harm == "a changed journal":
        shutil.copytree(bought.path, home.path, dirs_exist_ok=True)
        change_journal(home)
    told = warden(home, "risk", "halt", "a drill", *flags)
    assert (told.code, told.err) == (0, "")
    assert home.kill_file.read_text() == "a drill (operator)\n"
    if flags:
        assert told.json["problem"]
    else:
        assert "by the kill file alone" in told.out


def change_journal(home: Home) -> None:
    from tests.desk.desks import books_of

    with books_of(home) as books:
        books.write(lambda conn: conn.exec_driver_sql("UPDATE journal SET body = '{}' WHERE sequence = 1"))


def test_a_halted_desk_goes_on_once_the_file_is_gone_and_the_latch_re_armed(holding: Home) -> None:
    warden(holding, "risk", "halt", "a drill")
    warden(holding, "risk", "resume", "over").refused("kill file", "remove it before re-arming", code=4)
    holding.kill_file.unlink()
    told = warden(holding, "risk", "resume", "over", "--by", "ada")
    assert (told.code, told.err) == (0, "")
    assert "re-armed latch #1" in told.out
    assert (status(holding)["state"], causes(holding)) == ("active", [])


def test_resuming_what_is_not_latched_is_refused(holding: Home) -> None:
    warden(holding, "risk", "resume", "why not").refused("has no latch to re-arm")
    warden(holding, "risk", "resume", "why not", "--latch", "7").refused("no live latch #7")


def test_only_the_floor_can_be_re_based(holding: Home) -> None:
    account = status(holding)["account"]
    warden(holding, "risk", "halt", "a drill", "--account", account)
    warden(holding, "risk", "resume", "why not", "--rebase").refused("does not read it")
    assert causes(holding) == ["kill"]


@pytest.mark.parametrize("words", [["halt"], ["resume"]], ids=" ".join)
def test_a_word_without_a_reason_is_a_usage_error(holding: Home, words: list[str]) -> None:
    assert warden(holding, "risk", *words).code == 2
    assert causes(holding) == []


# Close and flatten.


@FLAGS
def test_a_close_is_filled_and_told(holding: Home, flags: list[str]) -> None:
    told = warden(holding, "close", "ETH/USDT", "--by", "ada", "--reason", "tired of it", *flags)
    assert (told.code, told.err) == (0, "")
    assert "filled" in told.out
    assert warden(holding, "portfolio", "--json").json["positions"] == []


@FLAGS
def test_a_flatten_is_filled_and_told(holding: Home, flags: list[str]) -> None:
    told = warden(holding, "flatten", *flags)
    assert (told.code, told.err) == (0, "")
    assert "ETH/USDT" in told.out
    portfolio = warden(holding, "portfolio", "--json").json
    assert (portfolio["positions"], portfolio["working_orders"]) == ([], [])
    assert "nothing is held" in warden(holding, "flatten").out


def test_closing_what_is_not_held_is_refused(holding: Home) -> None:
    warden(holding, "close", "BTC/USDT").refused("holds no BTC/USDT, it holds ETH/USDT")


@FLAGS
def test_a_denied_close_says_what_was_measured_beside_what_is_allowed(
    holding: Home, flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exit is denied only for its form: a minimum that grew beyond what is held."""
    monkeypatch.setattr("risk.rules.form.MinNotional.bound", lambda *_: 10**9)
    told = warden(holding, "close", "ETH/USDT", *flags)
    assert (told.code, told.err) == (3, "")
    assert "MIN_NOTIONAL" in told.out
    if flags:
        (denial,) = told.json["closed"][0]["denials"]
        assert (denial["code"], denial["limit"], denial["unit"]) == ("MIN_NOTIONAL", "1000000000", "quote")
    else:
        assert "1,000,000,000 quote allowed" in told.out
    assert warden(holding, "portfolio", "--json").json["positions"]


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([], 0),
        ([{"kind": "done", "order": "filled"}], 0),
        ([{"kind": "denied", "order": None}], 3),
        ([{"kind": "working", "order": "unknown"}], 5),
        ([{"kind": "denied", "order": None}, {"kind": "working", "order": "unknown"}], 5),
    ],
)
def test_the_exit_code_is_that_of_the_worst_answer(answers: list[JSON], code: int) -> None:
    try:
        exiting._exit(answers)
        ended = 0
    except SystemExit as left:
        ended = int(str(left.code))
    assert ended == code


# Policies.


def test_the_policy_shows_every_breaker_with_what_is_required(home: Home) -> None:
    told = {row["breaker"]: row for row in warden(home, "risk", "policy", "--json").json["breakers"]}
    assert told["day_halt"]["required"] == "at 5 %, halted, latch"
    assert (told["rolling_loss"]["trips"], told["rolling_loss"]["lasts"]) == ("at 4 %", "for a day")


@FLAGS
def test_a_policy_file_is_checked_and_compared_without_being_activated(home: Home, flags: list[str]) -> None:
    home.make()
    mine = home.path / "mine.toml"
    mine.write_text(f"[limits]\nmax_spread_bps = 12\n{STANDARD.replace('at = 0.05', 'at = 0.03')}")
    told = warden(home, "risk", "policy", "mine.toml", *flags)
    assert (told.code, told.err) == (0, "")
    assert "max_spread_bps" in told.out
    assert "breakers.day_halt.at" in told.out
    assert warden(home, "settings", "--json").json["settings"]["risk"]["max_spread_bps"] == "30"


def test_a_policy_file_that_changes_nothing_says_so(home: Home) -> None:
    home.make()
    (home.path / "same.toml").write_text(STANDARD)
    assert "it changes nothing" in warden(home, "risk", "policy", "same.toml").out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (STANDARD.replace("at = 0.05", "at = 0.06"), "day_loss at 5 % sets halted (latch) is required"),
        ("[limits]\nmax_spread_bps = 101\n", "limits.max_spread_bps is"),
        (None, "cannot be read"),
    ],
)
def test_a_policy_file_that_loosens_is_refused(home: Home, content: str | None, said: str) -> None:
    home.make()
    if content is not None:
        (home.path / "mine.toml").write_text(content)
    warden(home, "risk", "policy", "mine.toml").refused("mine.toml", said)


def test_a_named_policy_is_in_force_and_named_in_the_settings(home: Home) -> None:
    home.make()
    (home.path / "mine.toml").write_text("[limits]\nmax_spread_bps = 12\n")
    home.settings.write_text('[risk]\npolicy = "mine.toml"\n')
    told = warden(home, "settings", "--json").json["settings"]
    assert (told["risk"]["max_spread_bps"], told["policy_source"]) == ("12", str(home.path / "mine.toml"))


def test_a_shadow_policy_is_compared_in_a_run_and_listed(home: Home) -> None:
    home.make()
    (home.path / "shadow.toml").write_text("[limits]\nmax_spread_bps = 0.5\n")
    home.settings.write_text('[risk]\nshadow = "shadow.toml"\n')
    warden(home, "demo", "--json")
    told = warden(home, "risk", "policy", "--shadow", "--json").json
    assert [(d["symbol"], d["active"]["denied"], d["shadow"]["denied"]) for d in told] == [("BTC/USDT", [], ["SPREAD"])]
    assert "denied: SPREAD" in warden(home, "risk", "policy", "--shadow").out


def test_a_shadow_policy_makes_no_other_run(home: Home) -> None:
    one = warden(home, "demo", "--json").json
    (home.path / "shadow.toml").write_text("[limits]\nmax_spread_bps = 1\n")
    home.settings.write_text('[risk]\nshadow = "shadow.toml"\n')
    other = warden(home, "demo", "--json").json
    assert (one["run"], other["reported"]) == (other["run"], True)


@FLAGS
@pytest.mark.parametrize("name", ["day_halt", "DAY_HALT", "venue_failure_rate"])
def test_a_breaker_is_explained_like_a_rule(home: Home, name: str, flags: list[str]) -> None:
    told = warden(home, "risk", "explain", name, *flags)
    assert (told.code, told.err) == (0, "")
    assert name.lower() in told.out
    assert "halted" in told.out or "reducing" in told.out


def test_what_is_neither_rule_nor_breaker_is_refused_with_what_there_is(home: Home) -> None:
    warden(home, "risk", "explain", "mood").refused("no rule or breaker is named 'mood'", "SPREAD", "day_halt")


# Cases.

OWN = """
[[case]]
name = "a small loss is nothing"
steps = [{ readings = { day_loss = 0.019 }, state = "active", causes = [] }]
"""


def test_the_shipped_cases_hold(home: Home) -> None:
    told = warden(home, "risk", "cases")
    assert (told.code, told.err) == (0, "")
    assert "as expected" in told.out
    assert warden(home, "risk", "cases", "--json").json["failed"] == 0


def test_cases_of_ones_own_judge_the_policy_in_force(home: Home) -> None:
    home.make()
    (home.path / "own.cases.toml").write_text(OWN)
    assert warden(home, "risk", "cases", "own.cases.toml").code == 0
    (home.path / "mine.toml").write_text(STANDARD.replace("at = 0.02\n", "at = 0.01\n"))
    home.settings.write_text('[risk]\npolicy = "mine.toml"\n')
    told = warden(home, "risk", "cases", "own.cases.toml")
    assert told.code == 1
    assert "a small loss is nothing" in told.out
    assert "found active with 0.5 of the caps by day_caps" in told.out


def test_cases_beside_a_policy_judge_that_policy(home: Home) -> None:
    home.make()
    (home.path / "mine.toml").write_text(STANDARD.replace("at = 0.02\n", "at = 0.01\n"))
    (home.path / "mine.cases.toml").write_text(OWN)
    told = warden(home, "risk", "cases", "mine.cases.toml", "--json")
    (failed,) = [case for case in told.json["cases"] if case["failure"]]
    assert (told.code, failed["file"], failed["name"]) == (1, "mine.cases.toml", "a small loss is nothing")


@pytest.mark.parametrize(("content", "said"), [(None, "cannot be read"), ("[[case", "is not TOML")])
def test_cases_that_cannot_be_read_are_refused(home: Home, content: str | None, said: str) -> None:
    home.make()
    if content is not None:
        (home.path / "own.toml").write_text(content)
    warden(home, "risk", "cases", "own.toml").refused(said)
