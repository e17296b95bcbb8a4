"""A sequence classifier of transformers as arrays in, arrays out: token ids to probabilities, in a stated precision."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core.errors import ConfigError, DataRefused
from models.sentiment.batching import batches
from models.sentiment.labels import Labels, labels_of
from models.sentiment.probes import PROBES
from models.sentiment.reduced import in_bf16, in_int8
from models.sentiment.settings import DEVICES, PRECISIONS, ClassifierSettings
from models.sentiment.threads import Spare, side_by_side, spare

if TYPE_CHECKING:
    from core.bars import FloatArray

LEAST_AGREEMENT: Final = 0.99
# Of the largest difference that a reduced precision makes to a probability: two classes that are no further apart may
# change places, and are told apart in fp32. Not above the cap, or fp32 would read everything.
_DOUBT: Final = 2.0
_MOST_DOUBT: Final = 0.1
# A CPU's batch fits its cache with the layer that it meets.
_BATCH_TOKENS: Final = {"cpu": 256, "mps": 8_192, "cuda": 65_536}
_ORDER: Final = {"cpu": ("int8", "bf16"), "cuda": ("bf16",), "mps": ()}

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Network:
    """`exact` is the fp32 model; `fast` reads first (the same one in fp32). `said` tells what fell through."""

    exact: Any
    fast: Any
    tokenizer: Any
    labels: Labels
    device: str
    precision: str
    agreement: float
    unsure: float
    said: tuple[str, ...]
    most_tokens: int
    sha256: str
    cores: Spare

    def probabilities(self, texts: Sequence[str], progress: Progress | None = None) -> FloatArray:
        """float64, shape (n_texts, n_labels), each row sums to 1.

        Texts are cut after `most_tokens` tokens. Where the two likeliest classes are closer than `unsure`, fp32 reads.
        `progress` is told (texts done, texts in all) after every batch.
        """
        if not texts:
            return np.empty((0, int(self.exact.config.num_labels)))
        tokens = self._tokens(texts)
        found = self._run(self.fast, tokens, progress)
        if self.fast is not self.exact:
            best = np.sort(found, axis=1)
            unsure = np.flatnonzero(best[:, -1] - best[:, -2] <= self.unsure)
            if len(unsure):
                found[unsure] = self._run(self.exact, [tokens[at] for at in unsure], None)
        return found

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        encoded = self.tokenizer(list(texts), truncation=True, max_length=self.most_tokens)
        ids: list[list[int]] = encoded["input_ids"]
        return ids

    def _run(self, model: Any, tokens: list[list[int]], progress: Progress | None) -> FloatArray:
        found: FloatArray = np.empty((len(tokens), int(model.config.num_labels)))

        def read(batch: list[int]) -> int:
            found[batch] = self._forward(model, [tokens[at] for at in batch])
            return len(batch)

        waiting = batches([len(ids) for ids in tokens], _BATCH_TOKENS[self.device])
        done = 0
        for more in side_by_side(read, waiting, self.cores) if self.device == "cpu" else map(read, waiting):
            done += more
            if progress is not None:
                progress(done, len(tokens))
        return found

    def _forward(self, model: Any, tokens: list[list[int]]) -> FloatArray:
        import torch

        longest = max(map(len, tokens))
        ids = np.full((len(tokens), longest), self.tokenizer.pad_token_id or 0, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(tokens):
            ids[row, : len(one)], mask[row, : len(one)] = one, 1
        with torch.inference_mode():
            logits = model(
                input_ids=torch.from_numpy(ids).to(self.device), attention_mask=torch.from_numpy(mask).to(self.device)
            ).logits
            probabilities: FloatArray = torch.softmax(logits.float(), dim=-1).cpu().numpy().astype(np.float64)
        return probabilities


def load(folder: Path, settings: ClassifierSettings) -> Network:
    """The classifier of a folder in the fastest precision asked for whose labels agree with fp32's.

    On one half of `PROBES` it is seen how far a precision is off, which says what counts as unsure; on the other half
    labels are compared. Below `LEAST_AGREEMENT` the next precision is tried, fp32 last, and `said` says so.

    Raises
    ------
    ConfigError
        A device or precision that is unknown, or not there (CUDA without a GPU).
    DataRefused
        The files cannot be read, lack weights, or their labels say nothing about sentiment.
    """
    device = _device(settings.device)
    if settings.precision not in PRECISIONS:
        raise ConfigError(f"precision {settings.precision!r}, allowed are {', '.join(PRECISIONS)}")
    model, tokenizer = _read(folder)
    labels = labels_of({int(column): str(name) for column, name in model.config.id2label.items()})
    most = min(settings.most_tokens, int(getattr(model.config, "max_position_embeddings", settings.most_tokens)))
    weights = hashlib.sha256(b"".join(_digest(file) for file in sorted(folder.glob("*.safetensors")))).hexdigest()
    model = model.to(device)

    exact = Network(model, model, tokenizer, labels, device, "fp32", 1.0, 0.0, (), most, weights, cores=spare())
    wanted = _ORDER[device] if settings.precision == "auto" else (settings.precision,)
    said: list[str] = []
    for precision in wanted:
        if precision == "fp32":
            break
        try:
            reduced = _reduced(exact, precision)
        except (RuntimeError, NotImplementedError) as unable:
            said.append(f"{precision} does not work here: {_first_line(unable)}")
            continue
        if reduced.agreement >= LEAST_AGREEMENT:
            return replace(reduced, said=tuple(said))
        found = f"{reduced.agreement:.1%} of the probes"
        said.append(f"{precision} agrees with fp32 on {found}, {LEAST_AGREEMENT:.0%} needed")
    return replace(exact, said=tuple(said))


def _reduced(exact: Network, precision: str) -> Network:
    """The network in a precision, with how unsure it is and how far its labels agree."""
    model = {"int8": in_int8, "bf16": in_bf16}[precision](exact.exact)
    fast = replace(exact, fast=model, precision=precision, unsure=-1.0)
    seen, unseen = PROBES[::2], PROBES[1::2]
    off = float(np.max(np.abs(fast.probabilities(seen) - exact.probabilities(seen))))
    fast = replace(fast, unsure=min(_DOUBT * off, _MOST_DOUBT))
    same = fast.probabilities(unseen).argmax(axis=1) == exact.probabilities(unseen).argmax(axis=1)
    return replace(fast, agreement=float(np.mean(same)))


def _device(asked: str) -> str:
    import torch

    if asked not in DEVICES:
        raise ConfigError(f"device {asked!r}, allowed are {', '.join(DEVICES)}")
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if asked == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if there[name])
    if not there[asked]:
        raise ConfigError(f"device {asked!r} is asked for and there is none; allowed here: auto, cpu")
    return asked


def _read(folder: Path) -> tuple[Any, Any]:
    """Model in fp32 and tokenizer, from these files and nothing else; no code of theirs is run."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from transformers.utils import logging

    bars: Any = logging
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        model, told = AutoModelForSequenceClassification.from_pretrained(
            folder, use_safetensors=True, local_files_only=True, dtype=torch.float32, output_loading_info=True
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as broken:
        raise DataRefused(f"the classifier in {folder.name} cannot be read: {_first_line(broken)}") from broken
    finally:
        if shown:
            bars.enable_progress_bar()
    # Weights that are not in the file would be drawn at random, and speak all the same.
    if missing := sorted(told["missing_keys"]):
        raise DataRefused(f"the classifier in {folder.name} lacks {len(missing)} weights, {missing[0]} among them")
    return model.eval(), tokenizer


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _digest(file: Path) -> bytes:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").digest()
