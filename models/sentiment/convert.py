"""Turns a classifier's pickled weights into safetensors, once and by a person: the desk itself reads no pickle.

`python -m models.sentiment.convert SOURCE TARGET`. SOURCE is a folder, or a repository of the hub, which is read at the
commit `--revision`. Unpickling is limited to tensors (`weights_only`). TARGET is then what `ClassifierSettings.source`
names.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.errors import ConfigError, DataRefused
from models.sentiment.fetching import COMMIT
from models.sentiment.settings import FINBERT_REVISION


def convert(source: Path, target: Path) -> None:
    """Writes config, tokenizer and `model.safetensors` of a classifier into a new or empty folder.

    Raises
    ------
    ConfigError
        The target holds something already.
    DataRefused
        The source is no classifier that transformers can read, or holds more than tensors.
    """
    from pickle import UnpicklingError

    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise ConfigError(f"{target} is not empty")
    try:
        model: Any = AutoModelForSequenceClassification.from_pretrained(
            source, use_safetensors=False, weights_only=True, local_files_only=True
        )
        tokenizer: Any = AutoTokenizer.from_pretrained(source, local_files_only=True)
    except (OSError, ValueError, RuntimeError, UnpicklingError) as broken:
        found = (str(broken).strip().splitlines() or [type(broken).__name__])[0]
        raise DataRefused(f"the classifier in {source.name} cannot be read: {found}") from broken
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


def main() -> None:
    """Fetches where need be, then converts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("target", type=Path)
    parser.add_argument("--revision", default=FINBERT_REVISION)
    arguments = parser.parse_args()
    source = Path(arguments.source)
    if not source.is_dir():
        from huggingface_hub import snapshot_download

        if not COMMIT.fullmatch(arguments.revision):
            parser.error(f"revision {arguments.revision!r} is no full commit hash of 40 hexadecimal digits")
        patterns = ["*.json", "vocab.txt", "merges.txt", "pytorch_model*.bin"]
        source = Path(snapshot_download(arguments.source, revision=arguments.revision, allow_patterns=patterns))
    convert(source, arguments.target)


if __name__ == "__main__":
    main()
