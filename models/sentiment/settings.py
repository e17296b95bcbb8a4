"""What sentiment may be told: which scorer speaks, and where a classifier comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FINBERT: Final = "ProsusAI/finbert"
# Its main branch since 2023, by which the field cites it. A commit without `model.safetensors` is refused by name: set
# one that has it, or convert this one into a folder (`models.sentiment.convert`).
FINBERT_REVISION: Final = "4556d13015211d73dccd3fdd39d39232506f3e43"

KINDS: Final = ("embedded", "classifier", "lexicon")
DEVICES: Final = ("auto", "cpu", "cuda", "mps")
PRECISIONS: Final = ("auto", "fp32", "bf16", "int8")


@dataclass(frozen=True, slots=True)
class ClassifierSettings:
    """A sequence classifier of transformers: `source` is a repository of the hub or a local folder.

    `revision` is a full commit hash and counts for the hub alone; `offline` reads the hub's cache and never the
    network. Texts are cut after `most_tokens` tokens. `precision` 'auto' is int8 on a CPU and bf16 on CUDA, each only
    where its labels agree with fp32's.
    """

    source: str = FINBERT
    revision: str = FINBERT_REVISION
    offline: bool = False
    device: str = "auto"
    precision: str = "auto"
    most_tokens: int = 512
