"""The doctor looks at every part and names the ill ones."""

from pathlib import Path

import pytest

from desk.doctor import examine
from desk.findings import Finding
from desk.home import Home
from tests.desk.desks import BUYS_NOTHING, books_of, moment, run


@pytest.fixture(autouse=True)
def empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings file of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRADEWARDEN_DATABASE_URL", raising=False)


def ill(home: Home) -> dict[str, str]:
    return {f.part: f.found for f in examine(home) if not f.ok}


def test_a_new_home_is_well_in_every_part(home: Home) -> None:
    findings = examine(home)
    first = "python, settings, home, database, market, reasoner, sentiment, forecasters, recall"
    assert ", ".join(f.part for f in findings) == f"{first}, venues, store, bus, sources, watch, kill file"
    assert ill(home) == {}
    assert Finding("kill file", True, "absent") in findings


async def test_books_in_use_are_well_and_counted(home: Home) -> None:
    await run(home, moment(BUYS_NOTHING))
    (database,) = [f.found for f in examine(home) if f.part == "database"]
    assert "1 records" in database
    assert ill(home) == {}


def test_a_kill_file_is_named(home: Home) -> None:
    home.kill_file.touch()
    assert list(ill(home)) == ["kill file"]


def test_settings_that_are_refused_do_not_hide_the_other_parts(home: Home) -> None:
    home.settings.write_text("[risk]\nmax_leverage = 9\n")
    home.kill_file.touch()
    found = ill(home)
    assert list(found) == ["settings", "kill file"]
    assert "risk.max_leverage is 9" in found["settings"]


def test_a_database_that_is_none_is_named(home: Home) -> None:
    (home.path / "desk.db").write_bytes(b"not a database, and long enough to be looked at" * 100)
    found = ill(home)
    assert list(found) == ["database"]
    assert "is not a sound database" in found["database"]


async def test_a_changed_journal_is_named_with_its_entry(home: Home) -> None:
    result = await run(home, moment(BUYS_NOTHING))
    with books_of(home) as books:
        books.write(lambda conn: conn.exec_driver_sql("UPDATE journal SET ts_ns = ts_ns + 1"))
    assert f"the journal is broken at {result.account_id}#1" in ill(home)["database"]


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = ill(Home(tmp_path / "file" / "home"))
    assert "cannot be made" in found["home"]
    assert "database" in found
