"""Keys to this desk: made once, shown once, known again by their hash, and gone the moment they are revoked.

A key reads `tw_<id>_<secret>`: the id names it in the books and in logs, the secret is 256 random bits. With so many
nothing can be guessed, so a plain SHA-256 keeps it; slow hashes are for what people make up.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection

from core.errors import ConfigError
from core.secret import Secret
from core.time import show_time
from memory.books import access, journal
from memory.books.access import ApiKey

STREAM: Final = "access"  # of the journal
PREFIX: Final = "tw"
_ID_CHARACTERS: Final = 10
_SECRET_BYTES: Final = 32
_KEY: Final = re.compile(rf"{PREFIX}_([a-z0-9]{{{_ID_CHARACTERS}}})_([A-Za-z0-9_-]{{43}})")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz0123456789"


class Scope(StrEnum):
    """What a key may do. `admin` may do all of it, but for what only a person may."""

    SIGNALS_READ = "signals:read"
    ORDERS_PROPOSE = "orders:propose"
    ORDERS_APPROVE = "orders:approve"
    RISK_HALT = "risk:halt"
    RISK_RESUME = "risk:resume"
    AUDIT_READ = "audit:read"
    ADMIN = "admin"


# To let a stopped desk go on is a person's word, and no program's.
PERSONS: Final = frozenset({Scope.RISK_RESUME})


def create(
    conn: Connection,
    principal: str,
    scopes: list[str],
    *,
    person: bool,
    expires_ns: int | None,
    third_parties: bool,
    by: str,
    now_ns: int,
) -> tuple[ApiKey, Secret]:
    """A new key and its text, which nobody can have again.

    Raises ConfigError for a name, a scope or an end that cannot be, for `risk:resume` in a program's hands, for a
    principal that is a person under one key and a program under another, and for a second reader of signals where
    `third_parties` are not served.
    """
    wanted = _scopes(scopes, person=person)
    if not _NAME.fullmatch(principal):
        raise ConfigError(f"--name is {principal!r}: allowed are 1 to 32 of a-z, 0-9, '.', '_' and '-', no sign first")
    if expires_ns is not None and expires_ns <= now_ns:
        raise ConfigError(f"--expires ends at {show_time(expires_ns)}, which is over")
    others = [key for key in access.every(conn) if key.live(now_ns)]
    if any(key.principal == principal and key.person is not person for key in others):
        kind = "a program" if person else "a person"
        raise ConfigError(f"{principal} is {kind} under another key: revoke that first, or choose another name")
    readers = readers_of(others) - {principal}
    if readers and not third_parties and Scope.SIGNALS_READ in wanted:
        raise ConfigError(
            f"{', '.join(sorted(readers))} reads signals already, and a second principal would be another's customer: "
            "[signals] third_parties = true allows it, and `warden doctor` names what to ask a lawyer"
        )
    key_id = "".join(secrets.choice(_ALPHABET) for _ in range(_ID_CHARACTERS))
    text = f"{PREFIX}_{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    key = ApiKey(key_id, principal, person, tuple(wanted), digest_of(text), now_ns, expires_ns)
    access.add(conn, key)
    body = {"key": key_id, "principal": principal, "person": person, "scopes": list(wanted)}
    journal.append(conn, STREAM, "key_created", {**body, "expires_ns": expires_ns, "by": by}, ts_ns=now_ns)
    return key, Secret(text)


def revoke(conn: Connection, prefix: str, *, by: str, reason: str, now_ns: int) -> ApiKey:
    """The key whose id starts so ends now. Raises ConfigError where it has ended already."""
    key = access.find(conn, prefix)
    if key.revoked_ns is not None:
        raise ConfigError(f"key {key.key_id} of {key.principal} was revoked at {show_time(key.revoked_ns)} already")
    access.revoke(conn, key.key_id, now_ns)
    body = {"key": key.key_id, "principal": key.principal, "by": by, "reason": reason}
    journal.append(conn, STREAM, "key_revoked", body, ts_ns=now_ns)
    return key


def known(keys: dict[str, ApiKey], presented: str, now_ns: int) -> ApiKey | None:
    """The live key that `presented` is, or None. Whatever is wrong with it takes the same path to the same answer."""
    match = _KEY.fullmatch(presented)
    key = None if match is None else keys.get(match[1])
    # Compared in constant time, also where there is nothing to compare with.
    same = hmac.compare_digest(digest_of(presented), "0" * 64 if key is None else key.digest)
    return key if same and key is not None and key.live(now_ns) else None


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def allows(key: ApiKey, any_of: frozenset[Scope]) -> bool:
    """Whether one of the scopes is the key's. What is a person's takes a person, whatever the key says."""
    usable = any_of if key.person else any_of - PERSONS
    return bool(usable) and (Scope.ADMIN in key.scopes or any(scope in key.scopes for scope in usable))


def readers_of(keys: Iterable[ApiKey]) -> set[str]:
    """Principals whom signals are meant for. An administrator sees them too, and is nobody's customer."""
    return {key.principal for key in keys if Scope.SIGNALS_READ in key.scopes}


def _scopes(named: list[str], *, person: bool) -> tuple[str, ...]:
    allowed = [scope.value for scope in Scope]
    if not named:
        raise ConfigError(f"a key needs a --scope, allowed are {', '.join(allowed)}")
    if unknown := [name for name in named if name not in allowed]:
        raise ConfigError(f"--scope is {unknown[0]!r}, allowed are {', '.join(allowed)}")
    if not person and PERSONS & set(named):
        raise ConfigError(f"{Scope.RISK_RESUME} is for a person: say --person if this key is one's")
    return tuple(sorted(set(named)))
