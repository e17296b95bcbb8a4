"""How the kernel is compiled: by numba, once for each version of its sources, and kept on disk.

Numba keeps what it compiled by the time stamp of the file alone, and would go on using a leaf function that has since
been changed in another file. So the folder is named by the digest of every source that the kernel is made of.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numba
from platformdirs import user_cache_path

import core.fills
import risk.arithmetic
import risk.stops
from core.canonical import digest, digest_bytes
from core.errors import ConfigError

# It lets go of the interpreter's lock, checks no divisor (they are above 0), and allocates nothing, so that no
# references need counting: that alone made it five times slower.
_OPTIONS: Final[dict[str, Any]] = {"nogil": True, "error_model": "numpy", "_nrt": False}
_njit: Final[Any] = numba.njit  # its published types leave these options out
_config: Final[Any] = numba.config
_OWN: Final = ("compiled", "layout", "filling", "guarding", "limiting", "ordering", "kernel")
_SOURCES: Final = (core.fills, risk.arithmetic, risk.stops)


def compiled(function: Callable[..., Any]) -> Any:
    """A function that only the kernel calls, compiled together with it and without a way in from Python."""
    return _njit(**_OPTIONS, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """The same for what runs at every bar: a call would cost more than what it does."""
    return _njit(**_OPTIONS, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)(function)


def kept(function: Callable[..., Any]) -> Any:
    """The function that Python calls, compiled once and read back from disk afterwards."""
    # Numba reads the folder when it decorates, and knows no other way to be told.
    before, _config.CACHE_DIR = _config.CACHE_DIR, str(folder())
    try:
        return _njit(**_OPTIONS, cache=True)(function)
    finally:
        _config.CACHE_DIR = before


def folder() -> Path:
    """Below `NUMBA_CACHE_DIR`, else the platform's folder for what can be made again, else the temporary one."""
    named = os.environ.get("NUMBA_CACHE_DIR", "").strip()
    base = Path(named) if named else user_cache_path("tradewarden") / "kernel"
    files = [Path(str(module.__file__)) for module in _SOURCES]
    files += [Path(__file__).with_name(f"{name}.py") for name in _OWN]
    name = digest({f"{file.parent.name}/{file.name}": digest_bytes(file.read_bytes()) for file in files})[:16]
    for place in (base / name, Path(tempfile.gettempdir()) / "tradewarden-kernel" / name):
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(place, os.W_OK):
            return place
    raise ConfigError(f"compiled code cannot be kept in {base}: name another folder as NUMBA_CACHE_DIR")
