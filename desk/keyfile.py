"""Keys in an encrypted file, for a machine without a keyring: scrypt and AES-GCM, opened with a passphrase.

The names of the venues stand outside, so that they can be listed without it; they are authenticated with the rest.
"""

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from core.canonical import canonical_text
from core.errors import ConfigError
from core.secret import Secret

Table = dict[str, dict[str, str]]  # venue to its parts

_VERSION: Final = 1
# OWASP's first choice for scrypt: 128 MiB and about half a second, once for whoever knows the passphrase.
_COST: Final = {"length": 32, "n": 2**17, "r": 8, "p": 1}
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_LEAST_PASSPHRASE: Final = 8


def venues(file: Path) -> tuple[str, ...]:
    """Whose keys are in it; it stays closed."""
    return tuple(sorted(_envelope(file)["venues"])) if file.exists() else ()


def read(file: Path, passphrase: Secret) -> Table:
    """Raises ConfigError for another passphrase, and for a file that somebody changed."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    told = _envelope(file)
    try:
        salt, nonce, sealed = (base64.b64decode(told[part], validate=True) for part in ("salt", "nonce", "sealed"))
        opened = AESGCM(_stretched(passphrase, salt)).decrypt(nonce, sealed, _outside(told["venues"]))
    except InvalidTag:
        raise ConfigError(f"{file} does not open: it is another passphrase, or somebody changed the file") from None
    except (ValueError, TypeError):
        raise ConfigError(f"{file} is no file of keys: it cannot be read") from None
    found: Table = json.loads(opened)
    return found


def write(file: Path, passphrase: Secret, table: Table) -> None:
    """Replaces the file, whole or not at all, readable by its owner alone."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if len(passphrase.reveal()) < _LEAST_PASSPHRASE:
        raise ConfigError(f"a passphrase has at least {_LEAST_PASSPHRASE} characters")
    salt, nonce, names = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES), sorted(table)
    sealed = AESGCM(_stretched(passphrase, salt)).encrypt(nonce, json.dumps(table).encode(), _outside(names))
    parts = {"salt": salt, "nonce": nonce, "sealed": sealed}
    told = {"version": _VERSION, "venues": names} | {k: base64.b64encode(v).decode() for k, v in parts.items()}
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as made:
        json.dump(told, made)
        made.flush()
        os.fsync(made.fileno())
    beside.replace(file)


def _stretched(passphrase: Secret, salt: bytes) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return Scrypt(salt=salt, **_COST).derive(passphrase.reveal().encode())


def _outside(names: list[str]) -> bytes:
    return canonical_text({"version": _VERSION, "venues": names}).encode()


def _envelope(file: Path) -> Mapping[str, Any]:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError:
        told = None
    names = told.get("venues") if isinstance(told, dict) else None
    if not isinstance(told, dict) or told.get("version") != _VERSION or not isinstance(names, list):
        raise ConfigError(f"{file} is no file of keys of this version")
    return told
