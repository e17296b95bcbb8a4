"""`warden risk waive`: a person's journaled word in place of the days of rehearsal, for one policy alone."""

import pytest

from desk import readiness, waivers
from desk.home import Home
from desk.settings import load
from memory.books import journal
from tests.api.terminal import warden
from tests.desk.desks import books_of

FLAGS = pytest.mark.parametrize("flags", [[], ["--json"]], ids=["person", "program"])


def waived(home: Home) -> str | None:
    policy = load(home, folder=home.path).risk.policy_hash
    with books_of(home) as books:
        return books.read(lambda conn: waivers.waived(conn, waivers.REHEARSAL, policy))


@FLAGS
def test_a_person_overrides_the_days_with_a_reason_that_is_journaled(home: Home, flags: list[str]) -> None:
    told = warden(home, "risk", "waive", "ran elsewhere", "--by", "ada", *flags)
    assert (told.code, told.err) == (0, "")
    assert waived(home) == "ada: ran elsewhere"
    assert readiness.rehearsal(0, waived(home)).ok
    with books_of(home) as books:
        (entry,) = books.read(lambda conn: journal.entries(conn, waivers.STREAM))
    assert entry.body["about"] == "the standard policy"


def test_it_is_told_in_json_for_which_policy_and_after_how_many_days(home: Home) -> None:
    told = warden(home, "risk", "waive", "ran elsewhere", "--json").json
    assert told["policy_hash"] == load(home, folder=home.path).risk.policy_hash
    assert (told["days"], told["by"], told["reason"]) == (0, "operator", "ran elsewhere")


def test_without_a_reason_nothing_is_waived(home: Home) -> None:
    warden(home, "risk", "waive", " ").refused("waived for a reason")
    assert waived(home) is None


def test_another_policy_is_not_waived_with_it(home: Home) -> None:
    warden(home, "risk", "waive", "ran elsewhere")
    home.settings.write_text("[risk]\nmax_open_orders = 3\n")
    assert waived(home) is None


def test_who_has_too_few_days_is_told_how_to_waive_them() -> None:
    assert "`warden risk waive REASON`" in readiness.rehearsal(3, None).found
