"""A text that may be used and never shown."""

import hmac
from typing import Final, NoReturn

HIDDEN: Final = "(secret)"
_HINT = 4
_LONG_ENOUGH = 12  # of a shorter text, four characters would tell too much


class Secret:
    """Shows nothing of itself to `repr`, `str`, `format`, `pickle` and `json`: `reveal` alone gives it away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """For whoever signs with it, at the last moment."""
        return self._text

    @property
    def hint(self) -> str:
        """As much as a person may see: the last four characters, of one that is long enough."""
        return f"…{self._text[-_HINT:]}" if len(self._text) >= _LONG_ENOUGH else "…"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, wanted: str) -> str:
        return HIDDEN

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: object) -> "Secret":
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not written down")
