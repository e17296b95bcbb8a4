"""Secrets are planted wherever keys may be, every output is driven, and none of them may show one in any form."""

import base64
import io
import json
import logging
import sqlite3
import subprocess
import sys
import traceback
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote

import keyring as library
import pytest
import pytest_asyncio

from core.secret import Secret
from desk import keyfile
from desk.home import Home
from desk.keys import PASSPHRASE, KeyChain
from emulator.server import Emulator
from execution.venues.exchange.client import Keys
from tests.api.terminal import Told, warden
from tests.desk.test_keys import Drawer
from tests.execution.exchange.emulated import COIN, place_at

# With characters that base64, urls and JSON write otherwise.
PLANTED = {
    "environment": ("PLkeyENV0+/=abcdefgh", "PLsecretENV&?=%+/zyxw"),
    "files": ("PLkeyFILE0123456789ab", "PLsecretFILE/+9876543"),
    "keyring": ("PLkeyRING0123456789ab", "PLsecretRING/+9876543"),
    "file": ("PLkeyENC0123456789abc", "PLsecretENC/+98765432"),
    "wrong": ("PLkeyWRONG0123456789a", "PLsecretWRONG/+987654"),
    "typed": ("PLkeyTYPED0123456789a", "PLsecretTYPED/+987654"),
}
WORD = "PLpassphrase of keys.enc"
SECRETS = [WORD, *(text for pair in PLANTED.values() for text in pair)]


def encoded(secret: str) -> set[str]:
    raw = secret.encode()
    shifted = {base64.b64encode(b"\0" * n + raw + b"\0" * 3).decode()[4:-8] for n in (0, 1, 2)}
    return {
        secret,
        *(form for form in shifted if len(form) > 8),
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        raw.hex(),
        raw.hex().upper(),
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
    }


def shown_in(output: str) -> list[str]:
    return [secret for secret in SECRETS if any(form in output for form in encoded(secret))]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """An emulated venue in a process of its own, that knows the key of the environment."""
    command = [sys.executable, "-m", "emulator", "--port", "0", "--control"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = next(word for word in process.stdout.readline().split() if word.startswith("http"))
        key, secret = PLANTED["environment"]
        body = json.dumps({"key": key, "secret": secret, "funds": {"USDT": "1000"}}).encode()
        asked = urllib.request.Request(f"{found}/control/account", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=20):
            yield found
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture
def environment(home: Home, address: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A home that works at that venue, with keys in all four places."""
    home.settings.write_text(
        f'mode = "live"\n[venue]\nname = "binance"\n[venue.endpoints.binance]\nrest = "{address}"\n'
        '[venue.endpoints.okx]\nrest = "http://127.0.0.1:9"\n'
    )
    before, drawer = library.get_keyring(), Drawer()
    library.set_keyring(drawer)
    KeyChain(home, {}).add("kraken", *PLANTED["keyring"])
    KeyChain(home, {}).add("openai", PLANTED["keyring"][1])
    key, secret = PLANTED["file"]
    keyfile.write(home.path / "keys.enc", Secret(WORD), {"bybit": {"key": key, "secret": secret}})
    files = {}
    for part, text in zip(("KEY", "SECRET"), PLANTED["files"], strict=True):
        (tmp_path / part).write_text(text)
        (tmp_path / part).chmod(0o600)
        files[f"TRADEWARDEN_OKX_{part}_FILE"] = str(tmp_path / part)
    key, secret = PLANTED["environment"]
    yield {"TRADEWARDEN_BINANCE_KEY": key, "TRADEWARDEN_BINANCE_SECRET": secret, PASSPHRASE: WORD, **files}
    library.set_keyring(before)


VERBS: tuple[tuple[str, ...], ...] = (
    ("settings",),
    ("settings", "--json"),
    ("doctor",),
    ("doctor", "--json"),
    ("keys", "list"),
    ("keys", "list", "--json"),
    ("keys", "accept", "binance", "--reason", "a sub-account"),
    ("keys", "accept", "kraken", "--reason", "a sub-account", "--json"),
    ("keys", "accept", "bitvavo", "--reason", "has none"),
    ("keys", "remove", "binance"),
    ("keys", "remove", "bybit"),
    ("demo",),
    ("demo", "--json"),
    ("orders", "list"),
    ("orders", "list", "--json"),
    ("portfolio",),
    ("audit", "list", "--json"),
    ("audit", "verify"),
)


def test_what_is_searched_for_would_be_found() -> None:
    _, secret = PLANTED["environment"]
    for said in (secret, f"?x={quote(secret, safe='')}", secret.encode().hex(), json.dumps({"s": secret})):
        assert shown_in(said) == [secret]
    for before in range(3):
        assert shown_in(base64.b64encode(b"x" * before + secret.encode() + b"yyy").decode()) == [secret]


def test_no_verb_shows_a_key_in_what_it_prints_logs_or_stores(
    home: Home, environment: dict[str, str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    told = {verb: warden(home, *verb, **environment) for verb in VERBS}
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(PLANTED["typed"])))
    told["keys", "add", "coinbase"] = warden(home, "keys", "add", "coinbase", **environment)
    wrong = dict(zip(("TRADEWARDEN_BINANCE_KEY", "TRADEWARDEN_BINANCE_SECRET"), PLANTED["wrong"], strict=True))
    told["doctor", "wrong"] = warden(home, "doctor", **{**environment, **wrong})
    _the_verbs_did_what_they_are_for(told)
    for verb, answer in told.items():
        assert shown_in(answer.out + answer.err) == [], verb
    assert shown_in(caplog.text) == []
    assert [r.getMessage() for r in caplog.records if shown_in(f"{r.__dict__}")] == []
    with sqlite3.connect(home.path / "desk.db") as books:
        assert shown_in("\n".join(books.iterdump())) == []
    for file in home.path.rglob("*"):
        assert not file.is_file() or shown_in(file.read_bytes().decode(errors="replace")) == [], file


def _the_verbs_did_what_they_are_for(told: dict[tuple[str, ...], Told]) -> None:
    """Silence would pass as well."""
    doctor = told["doctor",].out
    assert "binance …efgh, from the environment" in doctor
    assert "reads and trades, and cannot withdraw" in doctor
    assert {row["venue"]: row["hint"] for row in told["keys", "list", "--json"].json} == {
        "binance": "…efgh",
        "bybit": "…9abc",
        "kraken": "…89ab",
        "okx": "…89ab",
        "openai": "…6543",
    }
    assert "in the keyring" in told["keys", "add", "coinbase"].out
    assert "what the key may do is not known" in told["doctor", "wrong"].out
    assert (
        told["demo",].code
        == told["audit", "verify"].code
        == told["keys", "accept", "binance", "--reason", "a sub-account"].code
        == 0
    )


# What ccxt says


@pytest_asyncio.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator() as found:
        yield found


@pytest.mark.parametrize("fault", ["status", "cut", "hang", "html", "empty", "malformed", "too_many", "redirect"])
@pytest.mark.parametrize("dialect", ["binance", "kraken", "bybit"])
async def test_no_failure_of_a_signed_request_tells_what_signed_it(
    dialect: str, fault: str, emulator: Emulator, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = [emulator.api_key, emulator.api_secret]
    monkeypatch.setattr(f"{__name__}.SECRETS", secrets)
    said, signed = list[str](), list[str]()
    async with place_at(dialect, emulator, timeout_ms=400) as at:
        sign = at.client.sign

        def noting(*asked: object, **more: object) -> object:
            request = sign(*asked, **more)
            signed.extend(word for word in f"{request}".replace("&", " ").split() if "ignature" in word)
            return request

        at.client.sign = noting
        emulator.faults.add(fault, **({"location": "http://127.0.0.1:9/"} if fault == "redirect" else {}))
        calls = (
            lambda: at.venue.place(at.resting()),
            lambda: at.venue.open_orders(),
            lambda: at.venue.cancel("a" * 32, COIN),
            lambda: at.client.fetch_balance(),
            lambda: at.client.fetch_open_orders(COIN),
        )
        for call in calls:
            try:
                await call()
            except Exception as failure:  # noqa: BLE001  # whatever it is, it may not tell
                said += [*traceback.format_exception(failure), repr(failure), f"{failure.args}"]
                said += [f"{each!r} {each.args}" for each in (failure.__cause__, failure.__context__) if each]
    assert said
    assert shown_in("\n".join(said)) == []
    assert shown_in(caplog.text) == []
    assert [word for word in signed if word in "\n".join(said) + caplog.text] == []


def test_keys_are_not_in_the_words_of_what_holds_them() -> None:
    keys = Keys(*PLANTED["environment"])
    assert shown_in(f"{keys!r} {keys} {keys.api_key!r} {keys.secret} {[keys.secret]}") == []
