"""Keys in the keyring of the operating system, where one keeps them safe: by the name of the venue or the model server,
and an index of these."""

import json
from typing import Any, Final

from core.errors import ConfigError

_SERVICE: Final = "tradewarden"
_INDEX: Final = "venues"  # a keyring cannot be listed
_LEAST_PRIORITY: Final = 1  # that keyring gives to backends it recommends; those that keep plain text have less


def usable() -> bool:
    """Whether this machine has one that does more than keep plain text."""
    return bool(_backend().priority >= _LEAST_PRIORITY)


def venues() -> tuple[str, ...]:
    told = _call("get_password", _INDEX)
    return tuple(json.loads(told)) if told else ()


def read(venue: str) -> dict[str, str] | None:
    """The parts of a venue's keys. Raises ConfigError where the keyring does not open."""
    told = _call("get_password", venue)
    return None if told is None else json.loads(told)


def write(venue: str, parts: dict[str, str]) -> None:
    _call("set_password", venue, json.dumps(parts))
    _call("set_password", _INDEX, json.dumps(sorted({*venues(), venue})))


def remove(venue: str) -> bool:
    """False where it held none."""
    if venue not in venues():
        return False
    _call("set_password", _INDEX, json.dumps([name for name in venues() if name != venue]))
    if read(venue) is not None:
        _call("delete_password", venue)
    return True


def _backend() -> Any:
    import keyring

    return keyring.get_keyring()


def _call(method: str, name: str, *value: str) -> Any:
    from keyring.errors import KeyringError

    try:
        return getattr(_backend(), method)(_SERVICE, name, *value)
    except KeyringError as refused:
        # What it says may repeat what it was given.
        raise ConfigError(f"the keyring of this machine does not answer ({type(refused).__name__})") from None
