"""Where the desk keeps its things."""

import os
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from core.errors import ConfigError
from execution.kill import KillSwitch


@dataclass(frozen=True, slots=True)
class Home:
    """`TRADEWARDEN_HOME`, else the platform's data folder."""

    path: Path

    @classmethod
    def find(cls) -> "Home":
        named = os.environ.get("TRADEWARDEN_HOME", "").strip()
        return cls(Path(named).expanduser().absolute() if named else user_data_path("tradewarden"))

    def make(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"the home folder {self.path} cannot be made: {error.strerror}") from None

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.path / 'desk.db'}"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints.db"

    @property
    def candles(self) -> Path:
        """The market's data: candles, numbers, texts, trades."""
        return self.path / "candles"

    @property
    def settings(self) -> Path:
        return self.path / "warden.toml"

    @property
    def kill_file(self) -> Path:
        return self.path / "HALT"

    def kill_switch(self) -> KillSwitch:
        return KillSwitch(self.kill_file)
