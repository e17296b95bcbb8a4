"""Classifiers of random weights, saved as FinBERT is, and where the shared data are."""

import os
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

from models.sentiment.probes import PROBES

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def shared(path: str) -> Path:
    """A file of the shared data; the test is skipped where they are not at hand."""
    folder = Path(os.environ.get("TRADEWARDEN_SHARED") or Path(__file__).parents[3] / "../shared").resolve()
    if not (folder / path).exists():
        pytest.skip("the shared data are not at hand: set TRADEWARDEN_SHARED")
    return folder / path


def bert(
    folder: Path,
    *,
    hidden: int = 64,
    layers: int = 2,
    labels: tuple[str, ...] = ("positive", "negative", "neutral"),
    spread: float = 0.2,
) -> Path:
    """A BERT of random weights with a word-piece tokenizer that knows the probes' words. The same each time.

    `spread` is the standard deviation of its weights: the larger, the further apart are its answers.
    """
    words = sorted({word.strip(".,").lower() for probe in PROBES for word in probe.split()})
    pieces = [
        *_SPECIAL,
        *words,
        *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"),
        *"abcdefghijklmnopqrstuvwxyz",
    ]
    tokenizer = BertTokenizerFast(vocab={piece: at for at, piece in enumerate(dict.fromkeys(pieces))})
    tokenizer.model_max_length = 512
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    shape = BertConfig(
        vocab_size=1_000,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=4 * hidden,
        initializer_range=spread,
        id2label=dict(enumerate(labels)),
        label2id={label: at for at, label in enumerate(labels)},
    )
    BertForSequenceClassification(shape).eval().save_pretrained(folder)
    return folder
