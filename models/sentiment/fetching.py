"""Where a classifier's files are: a local folder, the hub at one commit, or the hub's cache. Safetensors alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from core.errors import ConfigError, DataRefused
from models.sentiment.settings import ClassifierSettings

COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_REPOSITORY: Final = re.compile(r"[\w.-]+/[\w.-]+")
# What a classifier and its tokenizer are made of. Pickled weights are never fetched.
_FILES: Final = ("*.json", "*.safetensors", "vocab.txt", "merges.txt", "*.model")


def folder_of(settings: ClassifierSettings) -> Path:
    """The folder with `config.json` and safetensors weights, fetched first where it is not at hand.

    The hub is asked for one commit and for nothing else: transformers' own loader would turn to whatever pull request
    holds converted weights where the commit has none.

    Raises
    ------
    ConfigError
        `source` is neither a folder nor a repository's name, or `revision` is no full commit hash.
    DataRefused
        The download failed, the cache lacks the commit, or there are no safetensors weights.
    """
    folder = Path(settings.source).expanduser()
    if folder.is_dir():
        return _with_weights(folder, settings.source, f"{settings.source} FOLDER")
    if not _REPOSITORY.fullmatch(settings.source):
        raise ConfigError(f"{settings.source!r} is neither a folder nor a repository such as ProsusAI/finbert")
    if not COMMIT.fullmatch(settings.revision):
        raise ConfigError(f"revision {settings.revision!r} is no full commit hash of 40 hexadecimal digits")
    named = f"{settings.source}@{settings.revision[:8]}"
    return _with_weights(_fetched(settings), named, f"{settings.source} FOLDER --revision {settings.revision}")


def _fetched(settings: ClassifierSettings) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                settings.source,
                revision=settings.revision,
                allow_patterns=list(_FILES),
                local_files_only=settings.offline,
            )
        )
    except LocalEntryNotFoundError as absent:
        how = "is not in the local cache" if settings.offline else "could not be downloaded and is not in the cache"
        raise DataRefused(f"{settings.source}@{settings.revision[:8]} {how}") from absent
    except (HfHubHTTPError, OSError, ValueError) as failed:
        told = str(failed).strip().splitlines()[0] if str(failed).strip() else type(failed).__name__
        raise DataRefused(f"{settings.source}@{settings.revision[:8]} could not be downloaded: {told}") from failed


def _with_weights(folder: Path, name: str, arguments: str) -> Path:
    if not (folder / "config.json").is_file():
        raise DataRefused(f"{name} has no config.json")
    if not any(folder.glob("*.safetensors")):
        what_to_do = f"`python -m models.sentiment.convert {arguments}` makes them once, then set source to that FOLDER"
        raise DataRefused(f"{name} has no safetensors weights, and others are not read{_others(folder)}: {what_to_do}")
    return folder


def _others(folder: Path) -> str:
    found = sorted(file.name for file in folder.iterdir() if file.suffix in (".bin", ".h5", ".msgpack", ".pt"))
    return f" ({', '.join(found)})" if found else ""
