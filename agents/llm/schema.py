"""The schema of a typed answer, as strict servers take it."""

from functools import lru_cache

from pydantic import BaseModel

from core.canonical import Canonical
from tools.schema import strict


@lru_cache(maxsize=64)
def schema_of(answer: type[BaseModel]) -> Canonical:
    """The schema of a typed answer: every field required, no other allowed."""
    found = strict(answer.model_json_schema())
    found.pop("description", None)  # the docstring speaks to us
    return Canonical.of(found)
