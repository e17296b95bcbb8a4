"""The key that signals are signed with: Ed25519, made once, kept in the home where nobody else can read it."""

import base64
import hashlib
import os
import stat
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from core.canonical import JSON
from core.errors import ConfigError
from desk.home import Home

_MODE: Final = 0o600
_RAW_BYTES: Final = 32
ALGORITHM: Final = "Ed25519"
FORM: Final = "UTF-8 JSON: keys sorted, no spaces between, no escapes but those that JSON needs"


class Signer:
    """Signs texts. `key_id` names its public key: a reader that knows it can tell when the key was changed."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self._raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = hashlib.sha256(self._raw).hexdigest()[:16]

    @classmethod
    def of(cls, home: Home) -> Self:
        """The home's, made where there is none. Raises ConfigError for one that others may read, or that is none."""
        file = home.signing_key
        if not file.exists():
            _make(file)
        if os.name == "posix" and (mode := stat.S_IMODE(file.stat().st_mode)) & 0o077:
            raise ConfigError(f"{file} may be read by others (mode {mode:o}): `chmod 600` it, or take it away")
        raw = file.read_bytes()
        if len(raw) != _RAW_BYTES:
            told = f"{file} holds {len(raw)} bytes, a signing key has {_RAW_BYTES}"
            raise ConfigError(f"{told}: restore it, or remove it")
        return cls(Ed25519PrivateKey.from_private_bytes(raw))

    def sign(self, text: str) -> str:
        """Base64 of the signature over the UTF-8 bytes."""
        return base64.b64encode(self._private.sign(text.encode())).decode()

    @property
    def published(self) -> JSON:
        """What anybody may know of the key."""
        public = base64.b64encode(self._raw).decode()
        return {"key_id": self.key_id, "algorithm": ALGORITHM, "public_key": public, "signed_form": FORM}


def verified(public_key: str, text: str, signature: str) -> bool:
    """Whether `signature` is the key's over this very text. Both are base64, as they are published."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        key.verify(base64.b64decode(signature, validate=True), text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _make(file: Path) -> None:
    """Whole or not at all: two processes that begin at once agree on one key."""
    raw = Ed25519PrivateKey.generate().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "wb") as out:
        out.write(raw)
    try:
        os.link(draft, file)
    except FileExistsError:
        pass  # another process was quicker
    except OSError as error:
        raise ConfigError(f"{file} cannot be made: {error.strerror}") from None
    finally:
        draft.unlink()
