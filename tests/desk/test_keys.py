"""Keys are found in four places, in one order, and none of them shows any."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring as library
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.errors import KeyringLocked, PasswordDeleteError

from core.errors import ConfigError
from desk import keyfile
from desk.home import Home
from desk.keys import PASSPHRASE, Found, KeyChain

KEY, SECRET, WORD = "AKplantedKEY00001234", "SKplantedSECRET/9+=", "correct horse battery"
ENVIRONMENT = {"TRADEWARDEN_BINANCE_KEY": KEY, "TRADEWARDEN_BINANCE_SECRET": SECRET}
OPEN = {PASSPHRASE: WORD}


class Drawer(KeyringBackend):
    """A keyring in memory."""

    priority = 5

    def __init__(self, *, locked: bool = False) -> None:
        self.held: dict[tuple[str, str], str] = {}
        self.locked = locked

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked(f"locked, with {SECRET}")
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.held.pop((service, username), None) is None:
            raise PasswordDeleteError(username)


def nowhere() -> KeyringBackend:
    """As on a machine without any."""
    return NoKeyring()  # type: ignore[no-untyped-call]


@pytest.fixture(autouse=True)
def no_keyring() -> Iterator[None]:
    before = library.get_keyring()
    library.set_keyring(nowhere())
    yield
    library.set_keyring(before)


@pytest.fixture
def drawer() -> Drawer:
    made = Drawer()
    library.set_keyring(made)
    return made


def chain(home: Home, *, ask: Any = None, **environment: str) -> KeyChain:
    return KeyChain(home, environment, ask)


def opened(found: Found | None) -> tuple[str, str, str, str]:
    assert found is not None
    keys = found.keys
    return found.kept, keys.api_key.reveal(), keys.secret.reveal(), keys.password.reveal()


def secret_file(folder: Path, name: str, text: str, mode: int = 0o600) -> str:
    file = folder / name
    file.write_text(f"{text}\n")
    file.chmod(mode)
    return str(file)


def test_where_there_are_none_the_ways_to_give_some_are_named(home: Home) -> None:
    assert chain(home).find("binance") is None
    with pytest.raises(ConfigError, match=r"warden keys add binance.*TRADEWARDEN_BINANCE_KEY") as refused:
        chain(home).need("binance")
    assert refused.value.exit_code == 2


def test_half_a_pair_is_refused_and_not_filled_up_from_elsewhere(home: Home, drawer: Drawer) -> None:
    chain(home).add("binance", "other-key-0000", "other-secret")
    with pytest.raises(ConfigError, match="the keys of binance in the environment have no secret"):
        chain(home, TRADEWARDEN_BINANCE_KEY=KEY).find("binance")
    with pytest.raises(ConfigError, match="the keys of okx have no key"):
        chain(home).add("okx", "", SECRET)


def test_the_environment_comes_first_then_files_then_keyring_then_the_encrypted_file(
    home: Home, tmp_path: Path, drawer: Drawer
) -> None:
    library.set_keyring(nowhere())
    chain(home, **OPEN).add("binance", "file-key-00000", "file-secret")
    assert opened(chain(home, **OPEN).find("binance"))[:2] == ("keys.enc", "file-key-00000")
    library.set_keyring(drawer)
    chain(home).add("binance", "ring-key-00000", "ring-secret", "ring-word")
    assert opened(chain(home).find("binance")) == ("the keyring", "ring-key-00000", "ring-secret", "ring-word")
    files = {
        "TRADEWARDEN_BINANCE_KEY_FILE": secret_file(tmp_path, "key", "mounted-key-00"),
        "TRADEWARDEN_BINANCE_SECRET_FILE": secret_file(tmp_path, "secret", "mounted-secret"),
    }
    assert opened(chain(home, **files).find("binance")) == ("secret files", "mounted-key-00", "mounted-secret", "")
    assert opened(chain(home, **files, **ENVIRONMENT).find("binance")) == ("the environment", KEY, SECRET, "")


def test_a_name_in_the_environment_and_its_secret_in_a_file_are_a_pair(home: Home, tmp_path: Path) -> None:
    mixed = {
        "TRADEWARDEN_OKX_KEY": KEY,
        "TRADEWARDEN_OKX_SECRET_FILE": secret_file(tmp_path, "secret", SECRET),
        "TRADEWARDEN_OKX_PASSPHRASE_FILE": secret_file(tmp_path, "word", "pass"),
    }
    assert opened(chain(home, **mixed).find("okx")) == ("the environment and secret files", KEY, SECRET, "pass")


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o644])
def test_a_secret_file_that_others_may_touch_is_refused(home: Home, tmp_path: Path, mode: int) -> None:
    file = secret_file(tmp_path, "secret", SECRET, mode)
    given = {"TRADEWARDEN_BINANCE_KEY": KEY, "TRADEWARDEN_BINANCE_SECRET_FILE": file}
    with pytest.raises(ConfigError, match="others may read: chmod 600") as refused:
        chain(home, **given).find("binance")
    assert SECRET not in str(refused.value)
    Path(file).chmod(0o640)
    assert chain(home, **given).find("binance") is not None


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda file: None, "cannot be read"),
        (lambda file: file.mkdir(mode=0o700), "no file of a secret"),
        (lambda file: file.touch(0o600), "is empty"),
        (lambda file: (file.touch(0o600), file.write_bytes(b"\xff\xfe")), "is no text"),
    ],
)
def test_a_secret_file_that_is_none_is_refused(home: Home, tmp_path: Path, make: Any, told: str) -> None:
    make(tmp_path / "secret")
    given = {"TRADEWARDEN_BINANCE_KEY": KEY, "TRADEWARDEN_BINANCE_SECRET_FILE": str(tmp_path / "secret")}
    with pytest.raises(ConfigError, match=told):
        chain(home, **given).find("binance")


def test_a_private_key_in_one_line_becomes_the_lines_that_it_has(home: Home) -> None:
    written = "-----BEGIN EC PRIVATE KEY-----\\nMHc\\n-----END EC PRIVATE KEY-----"
    given = {"TRADEWARDEN_COINBASE_KEY": "organizations/x", "TRADEWARDEN_COINBASE_SECRET": written}
    assert opened(chain(home, **given).find("coinbase"))[2].splitlines()[1] == "MHc"


# The keyring


def test_a_keyring_that_does_not_open_is_told_without_what_it_says(home: Home) -> None:
    library.set_keyring(Drawer(locked=True))
    with pytest.raises(ConfigError, match="KeyringLocked") as refused:
        chain(home).find("binance")
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_keyring_that_keeps_plain_text_is_not_used(
    home: Home, drawer: Drawer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Drawer, "priority", 0.5)
    assert chain(home, **OPEN).add("binance", KEY, SECRET) == "keys.enc"
    assert drawer.held == {}


def test_what_the_keyring_holds_is_listed_and_removed(home: Home, drawer: Drawer) -> None:
    keys = chain(home)
    assert keys.add("binance", KEY, SECRET) == keys.add("okx", "okx-key-000000", SECRET, "word") == "the keyring"
    assert [row["venue"] for row in keys.listed()] == ["binance", "okx"]
    assert keys.remove("binance") == ["the keyring"]
    assert [row["venue"] for row in keys.listed()] == ["okx"]
    assert keys.find("binance") is None


# A model server's key

SERVER_KEY = "sk-planted-SERVER-5678"


def test_a_model_servers_key_lies_beside_those_of_venues(home: Home, drawer: Drawer) -> None:
    keys = chain(home)
    assert keys.add("openai", SERVER_KEY) == keys.add("binance", KEY, SECRET) == "the keyring"
    found = chain(home).find_server("openai")
    assert found is not None
    assert (found.kept, found.key.reveal()) == ("the keyring", SERVER_KEY)
    assert [(row["venue"], row["hint"]) for row in keys.listed()] == [("binance", "…1234"), ("openai", "…5678")]
    assert SERVER_KEY not in str(keys.listed())
    assert keys.remove("openai") == ["the keyring"]
    assert chain(home).find_server("openai") is None


def test_the_environments_key_of_a_server_comes_first_and_needs_no_secret(home: Home, drawer: Drawer) -> None:
    chain(home).add("openai", "sk-ring")
    found = chain(home, TRADEWARDEN_OPENAI_KEY=SERVER_KEY).find_server("openai")
    assert found is not None
    assert (found.kept, found.key.reveal()) == ("the environment", SERVER_KEY)
    [row] = chain(home, TRADEWARDEN_OPENAI_KEY=SERVER_KEY).listed()
    assert (row["venue"], row["kept"]) == ("openai", "the environment")


def test_without_a_keyring_a_servers_key_lies_in_the_encrypted_file(home: Home) -> None:
    assert chain(home, **OPEN).add("openai", SERVER_KEY) == "keys.enc"
    assert SERVER_KEY not in (home.path / "keys.enc").read_text()
    found = chain(home, **OPEN).find_server("openai")
    assert found is not None
    assert (found.kept, found.key.reveal()) == ("keys.enc", SERVER_KEY)
    with pytest.raises(ConfigError, match=f"closed: set {PASSPHRASE}"):
        chain(home).find_server("openai")


def test_a_model_server_is_no_venue(home: Home, drawer: Drawer) -> None:
    chain(home).add("openai", SERVER_KEY)
    with pytest.raises(ConfigError, match="openai is a server of language models, and no venue"):
        chain(home).need("openai")
    with pytest.raises(ConfigError, match="the keys of openai have no key"):
        chain(home).add("openai", "")


# The encrypted file


def test_the_encrypted_file_opens_with_its_passphrase_alone(home: Home) -> None:
    chain(home, **OPEN).add("binance", KEY, SECRET)
    file = home.path / "keys.enc"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    content = file.read_text()
    assert KEY not in content
    assert SECRET not in content
    assert keyfile.venues(file) == ("binance",)
    with pytest.raises(ConfigError, match="does not open"):
        chain(home, **{PASSPHRASE: "correct horse battery."}).find("binance")
    with pytest.raises(ConfigError, match=f"closed: set {PASSPHRASE}"):
        chain(home).find("binance")


def test_a_file_that_somebody_changed_does_not_open(home: Home) -> None:
    chain(home, **OPEN).add("binance", KEY, SECRET)
    file = home.path / "keys.enc"
    file.write_text(file.read_text().replace('"binance"', '"kraken"'))
    with pytest.raises(ConfigError, match="somebody changed the file"):
        chain(home, **OPEN).find("kraken")
    file.write_text("{}")
    with pytest.raises(ConfigError, match="no file of keys"):
        chain(home, **OPEN).find("kraken")


def test_a_second_venue_does_not_lose_the_first(home: Home) -> None:
    keys = chain(home, **OPEN)
    keys.add("binance", KEY, SECRET)
    keys.add("kraken", "kraken-key-000", "kraken-secret")
    assert [(row["venue"], row["hint"]) for row in keys.listed()] == [("binance", "…1234"), ("kraken", "…-000")]
    assert keys.remove("binance") == ["keys.enc"]
    assert [row["venue"] for row in keys.listed()] == ["kraken"]


def test_a_new_passphrase_is_asked_for_twice_and_a_known_one_once(home: Home) -> None:
    asked: list[str] = []

    def answering(*answers: str) -> Any:
        waiting = list(answers)

        def answer(question: str) -> str:
            asked.append(question)
            return waiting.pop(0)

        return answer

    with pytest.raises(ConfigError, match="differ"):
        chain(home, ask=answering(WORD, "another")).add("binance", KEY, SECRET)
    with pytest.raises(ConfigError, match="at least 8"):
        chain(home, ask=answering("short", "short")).add("binance", KEY, SECRET)
    chain(home, ask=answering(WORD, WORD)).add("binance", KEY, SECRET)
    asked.clear()
    assert opened(chain(home, ask=answering(WORD)).find("binance"))[1] == KEY
    assert len(asked) == 1


def test_a_closed_file_is_listed_by_name_without_a_hint(home: Home) -> None:
    chain(home, **OPEN).add("binance", KEY, SECRET)
    (row,) = chain(home).listed()
    assert (row["venue"], row["hint"]) == ("binance", None)
    assert "is closed" in row["problem"]


# What is told


def test_the_list_shows_where_a_key_is_and_its_last_four_characters(home: Home) -> None:
    assert chain(home, **ENVIRONMENT).listed() == [
        {"venue": "binance", "kept": "the environment", "hint": "…1234", "problem": None}
    ]
    assert chain(home, TRADEWARDEN_NEWSAPI_KEY="of no venue").listed() == []


def test_keys_of_the_environment_are_not_removed_from_here(home: Home) -> None:
    with pytest.raises(ConfigError, match="they are in the environment, and are removed there"):
        chain(home, **ENVIRONMENT).remove("binance")
    with pytest.raises(ConfigError, match="there are none"):
        chain(home).remove("binance")


def test_a_venue_that_nobody_knows_keeps_no_keys(home: Home) -> None:
    with pytest.raises(ConfigError, match="near to it are binance"):
        chain(home, **OPEN).add("binnance", KEY, SECRET)


def test_two_keys_have_two_fingerprints_that_tell_neither(home: Home) -> None:
    one = chain(home, **ENVIRONMENT).need("binance")
    other = chain(home, **{**ENVIRONMENT, "TRADEWARDEN_BINANCE_KEY": "BKplantedKEY00001234"}).need("binance")
    assert one.hint == other.hint
    assert one.fingerprint != other.fingerprint
    assert KEY not in repr(one)
    assert SECRET not in repr(one.keys)
