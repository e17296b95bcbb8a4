"""Cursor pagination: a page says where the next one begins, so that what is added meanwhile moves nothing."""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, Final

import orjson
from fastapi import Query
from sqlalchemy import Column, Connection, Row, Select, and_, or_

from api.rest.problems import Problem

MOST: Final = 200
Limit = Annotated[int, Query(ge=1, le=MOST, description="How many, newest first.")]
Cursor = Annotated[
    str | None,
    Query(max_length=256, pattern=r"^[A-Za-z0-9_-]+$", description="`next` of the page before this one."),
]


def encoded(*place: int | str) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


def decoded(cursor: str, *kinds: type) -> list[Any]:
    """The place that a cursor names. Raises Problem for one that we never gave."""
    try:
        found = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        found = None
    if not isinstance(found, list) or [type(part) for part in found] != list(kinds):
        raise Problem(422, "query.cursor: none that was given out; leave it away for the first page")
    if any(isinstance(part, int) and abs(part) >= 2**63 for part in found):
        raise Problem(422, "query.cursor: none that was given out; leave it away for the first page")
    return found


def page(
    conn: Connection, query: Select[Any], at: Column[int], name: Column[str], cursor: str | None, limit: int
) -> tuple[Sequence[Row[Any]], str | None]:
    """Rows by time and then by name, newest first, and the cursor of the next page where there is one."""
    if cursor is not None:
        ns, last = decoded(cursor, int, str)
        query = query.where(or_(at < ns, and_(at == ns, name > last)))
    rows = conn.execute(query.order_by(at.desc(), name).limit(limit + 1)).all()
    if len(rows) <= limit:
        return rows, None
    last_row = rows[limit - 1]._mapping
    return rows[:limit], encoded(last_row[at.name], last_row[name.name])
