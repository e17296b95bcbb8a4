"""Keys of exchanges and of model servers: in the environment, secret files, the keyring or an encrypted file.

They are looked for in that order. What is found is a `Secret` from its first moment on. Half a pair is refused, never
filled up from the next place.
"""

import hashlib
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agents.llm.presets import PRESETS
from core.canonical import JSON
from core.errors import ConfigError
from core.secret import Secret
from desk import keyfile, keyring
from desk.home import Home
from execution.venues.exchange.client import Keys
from market.venues import refuse_unknown

PARTS: Final = ("key", "secret", "passphrase")
PASSPHRASE: Final = "TRADEWARDEN_KEYS_PASSPHRASE"
_PREFIX: Final = "TRADEWARDEN_"
_NEEDED: Final = ("key", "secret")
_OF_SERVER: Final = ("key",)  # a server of language models knows one word
_LONGEST_FILE: Final = 64 * 1024

Ask = Callable[[str], str]  # a question, answered unseen


@dataclass(frozen=True, slots=True)
class Found:
    """The keys of a venue, and where they were."""

    venue: str
    keys: Keys
    kept: str

    @property
    def hint(self) -> str:
        return self.keys.api_key.hint

    @property
    def fingerprint(self) -> str:
        """Tells one key from another, and says nothing of either."""
        return hashlib.sha256(f"tradewarden {self.venue} {self.keys.api_key.reveal()}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class FoundKey:
    """The key of a model server, and where it was."""

    key: Secret
    kept: str


class KeyChain:
    """Every place where keys may be. `ask` asks a person for the passphrase; None where nobody is there."""

    def __init__(self, home: Home, environment: Mapping[str, str], ask: Ask | None = None) -> None:
        self._home = home
        self._environment = environment
        self._ask = ask
        self._passphrase: Secret | None = None

    def find(self, venue: str) -> Found | None:
        """Raises ConfigError for half a pair, a file that others may read, and a place that does not open."""
        found = self._find(venue)
        if found is None:
            return None
        parts, kept = found
        return Found(venue, Keys(parts["key"], parts["secret"], parts.get("passphrase", "")), kept)

    def find_server(self, server: str) -> FoundKey | None:
        """The key of a server of language models. Raises like `find`."""
        found = self._find(server)
        return None if found is None else FoundKey(Secret(found[0]["key"]), found[1])

    def need(self, venue: str) -> Found:
        if serves_models(venue):
            raise ConfigError(f"{venue} is a server of language models, and no venue")
        found = self.find(venue)
        if found is None:
            named = ", ".join(variable(venue, part) for part in _NEEDED)
            raise ConfigError(f"no keys of {venue} are here: `warden keys add {venue}`, or set {named}")
        return found

    def listed(self) -> list[JSON]:
        """Each venue and server whose keys are somewhere, with where, and their hint; none where it stays closed."""
        names = {*self._named(), *(keyring.venues() if keyring.usable() else ()), *keyfile.venues(self._file)}
        return [self._told(venue) for venue in sorted(names)]

    def add(self, venue: str, key: str, secret: str = "", passphrase: str = "") -> str:
        """Keeps them in the keyring, or where there is none in the encrypted file. Says where.

        A server of language models has a key alone.
        """
        if serves_models(venue):
            parts = _checked(venue, {"key": key}, f"the keys of {venue}")
        else:
            refuse_unknown(venue)
            given = {"key": key, "secret": secret, "passphrase": passphrase}
            parts = _checked(venue, given, f"the keys of {venue}")
        if keyring.usable():
            keyring.write(venue, parts)
            return "the keyring"
        self._home.make()
        kept = keyfile.read(self._file, self._opener(new=False)) if self._file.exists() else {}
        keyfile.write(self._file, self._opener(new=not self._file.exists()), {**kept, venue: parts})
        return self._file.name

    def remove(self, venue: str) -> list[str]:
        """Takes them out of the keyring and the file. Says out of which."""
        gone = ["the keyring"] if keyring.usable() and keyring.remove(venue) else []
        if venue in keyfile.venues(self._file):
            kept = keyfile.read(self._file, self._opener(new=False))
            keyfile.write(self._file, self._opener(new=False), {v: p for v, p in kept.items() if v != venue})
            gone.append(self._file.name)
        if not gone:
            left = self._in_environment(venue)
            where = f"they are in {left[1]}, and are removed there" if left else "there are none"
            raise ConfigError(f"no keys of {venue} were removed: {where}")
        return gone

    # The places.

    def _find(self, venue: str) -> tuple[dict[str, str], str] | None:
        """The parts, and where they were."""
        return self._in_environment(venue) or self._in_keyring(venue) or self._in_file(venue)

    def _in_environment(self, venue: str) -> tuple[dict[str, str], str] | None:
        parts: dict[str, str] = {}
        places: set[str] = set()
        for part in _OF_SERVER if serves_models(venue) else PARTS:
            if found := read_secret(variable(venue, part), self._environment):
                parts[part], place = found
                places.add(place)
        return self._found(venue, parts, " and ".join(sorted(places, reverse=True))) if parts else None

    def _in_keyring(self, venue: str) -> tuple[dict[str, str], str] | None:
        parts = keyring.read(venue) if keyring.usable() else None
        return None if parts is None else self._found(venue, parts, "the keyring")

    def _in_file(self, venue: str) -> tuple[dict[str, str], str] | None:
        if venue not in keyfile.venues(self._file):
            return None
        return self._found(venue, keyfile.read(self._file, self._opener(new=False))[venue], self._file.name)

    def _found(self, venue: str, parts: dict[str, str], kept: str) -> tuple[dict[str, str], str]:
        return _checked(venue, parts, f"the keys of {venue} in {kept}"), kept

    def _told(self, venue: str) -> JSON:
        row = {"venue": venue, "kept": None, "hint": None, "problem": None}
        try:
            found = self._find(venue)
        except ConfigError as closed:
            return {**row, "problem": str(closed)}
        return row if found is None else {**row, "kept": found[1], "hint": Secret(found[0]["key"]).hint}

    def _named(self) -> set[str]:
        """Venues of ccxt and servers of language models with a variable of their own."""
        import ccxt.async_support as ccxt

        known = (*ccxt.exchanges, *PRESETS)
        return {name for name in known if any(self._has(variable(name, part)) for part in PARTS)}

    def _has(self, name: str) -> bool:
        return bool(self._environment.get(name) or self._environment.get(f"{name}_FILE"))

    # The passphrase of the file.

    @property
    def _file(self) -> Path:
        return self._home.path / "keys.enc"

    def _opener(self, *, new: bool) -> Secret:
        if self._passphrase is None:
            self._passphrase = Secret(self._asked(new=new))
        return self._passphrase

    def _asked(self, *, new: bool) -> str:
        if told := self._environment.get(PASSPHRASE):
            return told
        if file := self._environment.get(f"{PASSPHRASE}_FILE"):
            return secret_file(Path(file), f"{PASSPHRASE}_FILE")
        if self._ask is None:
            raise ConfigError(f"{self._file} is closed: set {PASSPHRASE} or {PASSPHRASE}_FILE")
        first = self._ask(f"Passphrase of {self._file.name}: ")
        if new and self._ask("Once more: ") != first:
            raise ConfigError("the two passphrases differ")
        return first


def serves_models(name: str) -> bool:
    """Whether it is a server of language models, and no exchange."""
    return name in PRESETS


def variable(venue: str, part: str) -> str:
    """The name of the environment variable that holds a part of the keys of a venue or a server."""
    return f"{_PREFIX}{venue.upper()}_{part.upper()}"


def read_secret(name: str, environment: Mapping[str, str]) -> tuple[str, str] | None:
    """The secret of that variable, or of the file that `NAME_FILE` names, and where it was; None for none."""
    if value := environment.get(name):
        return value, "the environment"
    if file := environment.get(f"{name}_FILE"):
        return secret_file(Path(file), f"{name}_FILE"), "secret files"
    return None


def secret_file(file: Path, name: str) -> str:
    """What it holds, without the line's end. Raises ConfigError for one that everybody on the machine may read."""
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LONGEST_FILE:
            raise ConfigError(f"{name} names {file}, which is no file of a secret")
        # Not the group's bits: an access list that a service manager grants shows in them.
        if found.st_mode & stat.S_IRWXO:
            raise ConfigError(f"{name} names {file}, which others may read: chmod 600 it")
        told = file.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ConfigError(f"{name} names {file}, which cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{name} names {file}, which is no text") from None
    if not told:
        raise ConfigError(f"{name} names {file}, which is empty")
    return told


def _checked(venue: str, parts: Mapping[str, str], whose: str) -> dict[str, str]:
    for part in _OF_SERVER if serves_models(venue) else _NEEDED:
        if not parts.get(part):
            raise ConfigError(f"{whose} have no {part}")
    # A private key stands in several lines, which one line of a file or a variable writes as \n.
    return {part: text.replace("\\n", "\n") if text.startswith("-----BEGIN") else text for part, text in parts.items()}
