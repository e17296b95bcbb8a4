"""`warden chat` on the terminal that it is given, whose first what-if computes for ever: it says so in a file."""

import fcntl
import sys
import termios
import time
from pathlib import Path
from typing import Any

from api.cli.main import main
from desk import proposing

_LONGEST_S = 120
_begun = Path(sys.argv.pop(1)) if __name__ == "__main__" else Path()
_whatif = proposing.whatif


def stuck(*said: Any, **more: Any) -> Any:
    if _begun.exists():
        return _whatif(*said, **more)
    _begun.touch()
    until = time.monotonic() + _LONGEST_S
    while time.monotonic() < until:
        pass
    raise AssertionError("nobody stopped it")


if __name__ == "__main__":
    # Only the terminal that controls a session turns Ctrl-C into its signal.
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    proposing.whatif = stuck
    main()
