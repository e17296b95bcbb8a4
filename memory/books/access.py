"""Keys to this desk, in the books. Functions on one open transaction; the secrets themselves never come here."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, insert, select, update

from core.errors import ConfigError
from memory.books.tables import api_keys


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key of a principal. It is live until it expires or is revoked."""

    key_id: str
    principal: str
    person: bool
    scopes: tuple[str, ...]
    digest: str
    created_ns: int
    expires_ns: int | None = None
    used_ns: int | None = None
    revoked_ns: int | None = None

    def live(self, now_ns: int) -> bool:
        return self.revoked_ns is None and (self.expires_ns is None or now_ns < self.expires_ns)


def add(conn: Connection, new: ApiKey) -> None:
    row = {name: getattr(new, name) for name in ApiKey.__slots__}
    conn.execute(insert(api_keys), row | {"scopes": list(new.scopes)})


def every(conn: Connection) -> tuple[ApiKey, ...]:
    """All that were ever made, oldest first."""
    query = select(api_keys).order_by(api_keys.c.created_ns, api_keys.c.key_id)
    return tuple(_key(row) for row in conn.execute(query).mappings())


def find(conn: Connection, prefix: str) -> ApiKey:
    """The one key whose id starts with `prefix`. Raises ConfigError where there is none, or more than one."""
    starts = select(api_keys).where(api_keys.c.key_id.startswith(prefix, autoescape=True)).limit(2)
    found = [_key(row) for row in conn.execute(starts).mappings()] if prefix else []
    if not found:
        raise ConfigError(f"no key has an id that starts with {prefix!r}: `warden keys list` shows them")
    if len(found) > 1:
        raise ConfigError(f"more than one key starts with {prefix!r}: give more of it")
    return found[0]


def revoke(conn: Connection, key_id: str, now_ns: int) -> None:
    conn.execute(update(api_keys).where(api_keys.c.key_id == key_id).values(revoked_ns=now_ns))


def used(conn: Connection, when: Mapping[str, int]) -> None:
    """When keys were last used, by their id."""
    for key_id, used_ns in when.items():
        conn.execute(update(api_keys).where(api_keys.c.key_id == key_id).values(used_ns=used_ns))


def _key(row: RowMapping) -> ApiKey:
    return ApiKey(**{**row, "scopes": tuple(row["scopes"])})
