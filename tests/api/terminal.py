"""A terminal for tests: a command's exit code and what it printed, in a home and a folder of its own."""

import io
import json
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass

import pytest

from api.cli.console import console
from api.cli.main import main
from core.canonical import JSON
from desk.home import Home


@dataclass(frozen=True)
class Told:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> JSON:
        return json.loads(self.out)

    def refused(self, *words: str, code: int = 2) -> None:
        """One sentence on standard error with these words in it, nothing on standard output, no traceback."""
        assert (self.code, self.out) == (code, ""), self
        assert self.err.startswith("warden: "), self.err
        assert self.err.count("\n") == 1, self.err
        for word in words:
            assert word in self.err, self.err


def warden(home: Home, *words: str, **environment: str) -> Told:
    """`warden WORDS` in this home. The working folder is the home's, so that no other settings file is read."""
    home.make()
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, chdir(home.path):
        patch.delenv("TRADEWARDEN_DATABASE_URL", raising=False)
        patch.setenv("TRADEWARDEN_HOME", str(home.path))
        patch.setattr(console, "width", 160)
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["warden", *words])
        with redirect_stdout(out), redirect_stderr(err):
            try:
                main()
                code = 0
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return Told(code, out.getvalue(), err.getvalue())
