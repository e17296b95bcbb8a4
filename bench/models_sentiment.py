"""Headlines a second of a classifier in FinBERT's shape: ours against the library's one-text pipeline, in one run.

`python -m bench.models_sentiment [--texts 512] [--rounds 3] [--folder FOLDER]`. The weights are random (BERT base with
three labels, kept in the folder), so agreement is a check of arithmetic and no accuracy. On a CPU rounds alternate, and
go on while another process takes a core. On a GPU, if there is one, the one-text loop runs on that same GPU. Nothing
but torch, transformers, safetensors and numpy is needed, and no network.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast, pipeline
from transformers.utils import logging

from bench.timing import row
from models.sentiment.classifier import ClassifierScorer
from models.sentiment.inference import InferenceThread
from models.sentiment.network import Network, load
from models.sentiment.settings import ClassifierSettings

LABELS = ("positive", "negative", "neutral")
SYLLABLES = [a + b for a in "bcdfghklmnprstvz" for b in "aeiou"]
GPU_TEXTS, GPU_ONE_BY_ONE = 20_000, 300


def vocabulary() -> list[str]:
    draw = random.Random(4)
    return sorted({"".join(draw.choices(SYLLABLES, k=draw.randint(2, 3))) for _ in range(2_500)})


def built(folder: Path) -> Path:
    """BERT base with random weights and a word-piece tokenizer of made-up words, saved once."""
    if not (folder / "model.safetensors").exists():
        pieces = [
            "[PAD]",
            "[UNK]",
            "[CLS]",
            "[SEP]",
            "[MASK]",
            *vocabulary(),
            *(f"##{s}" for s in SYLLABLES),
            *SYLLABLES,
        ]
        tokenizer = BertTokenizerFast(vocab={piece: at for at, piece in enumerate(dict.fromkeys(pieces))})
        tokenizer.model_max_length = 512
        tokenizer.save_pretrained(folder)
        torch.manual_seed(0)
        shape = BertConfig(id2label=dict(enumerate(LABELS)), label2id={name: at for at, name in enumerate(LABELS)})
        BertForSequenceClassification(shape).eval().save_pretrained(folder)
    return folder


def headlines(count: int) -> list[str]:
    """Of 8 to 40 words, a quarter of them of two pieces: 32 tokens on average."""
    draw, words = random.Random(5), vocabulary()

    def word() -> str:
        return draw.choice(words) + (draw.choice(SYLLABLES) if draw.random() < 0.25 else "")

    return [" ".join(word() for _ in range(draw.randint(8, 40))) for _ in range(count)]


@contextmanager
def a_core_taken() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def rate(work: Callable[[], object], texts: int) -> float:
    """Texts a second."""
    began = time.perf_counter()
    work()
    return texts / (time.perf_counter() - began)


def one_by_one(network: Network, device: int) -> Callable[[list[str]], None]:
    """The library's pipeline, fed one text at a time, in fp32."""
    piped: Any = pipeline("text-classification", model=network.exact, tokenizer=network.tokenizer, device=device)

    def read(texts: list[str]) -> None:
        for text in texts:
            piped(text)

    return read


def agreement(network: Network, exact: Network, texts: list[str]) -> tuple[float, float]:
    """Share of equal labels, and the largest difference of a probability."""
    told, truth = network.probabilities(texts), exact.probabilities(texts)
    return float(np.mean(told.argmax(axis=1) == truth.argmax(axis=1))), float(np.abs(told - truth).max())


def compared(name: str, ours: list[float], theirs: list[float]) -> None:
    ratio = median(our / their for our, their in zip(ours, theirs, strict=True))
    row(name, f"{median(theirs):,.1f}", f"{median(ours):,.1f}", f"{ratio:.1f}x")


async def lag_p99_ms(scorer: ClassifierScorer, texts: list[str]) -> float:
    """How late the event loop's timers are while the inference thread works, 99th percentile."""
    inference, lags = InferenceThread(), []
    work = asyncio.create_task(inference.run(lambda: scorer.score_many(texts)))
    while not work.done():
        began = time.perf_counter()
        await asyncio.sleep(0.005)
        lags.append(time.perf_counter() - began - 0.005)
    await work
    inference.close()
    return float(np.quantile(lags, 0.99)) * 1e3


def on_cpu(folder: Path, count: int, rounds: int) -> None:
    settings = ClassifierSettings(str(folder), device="cpu")
    network = load(folder, settings)
    exact = load(folder, ClassifierSettings(str(folder), device="cpu", precision="fp32"))
    texts, few = headlines(count), headlines(max(32, count // 8))
    lengths = [len(ids) for ids in network.tokenizer(texts)["input_ids"]]
    print(
        f"CPU, {torch.get_num_threads()} threads, {count} texts of {np.mean(lengths):.0f} tokens, {network.precision}"
    )
    print(*network.said, sep="\n", end="\n" if network.said else "")
    piped = one_by_one(exact, -1)
    network.probabilities(few)
    piped(few[:4])
    row("texts/s", "one by one", "ours", "ratio")
    loads: dict[str, Callable[[], AbstractContextManager[None]]]
    loads = {"as it is": nullcontext, "one core taken": a_core_taken}
    for name, loaded in loads.items():
        ours, theirs = [], []
        with loaded():
            time.sleep(0.5)
            for _ in range(rounds):
                theirs.append(rate(lambda: piped(few), len(few)))
                ours.append(rate(lambda: network.probabilities(texts), count))
            used = network.cores.threads()
        compared(f"{name}, ours on {used} of the cores", ours, theirs)
    same, off = agreement(network, exact, texts)
    row("labels equal to fp32's", f"{same:.1%}", f"{off:.4f}", f"(unsure {network.unsure:.4f})")
    scorer = ClassifierScorer("bench", network)
    row("event loop lag p99, ms", f"{asyncio.run(lag_p99_ms(scorer, texts)):.1f}")
    repeated = rate(lambda: scorer.score_many(texts), count)
    row("repeated headlines, texts/s", f"{repeated:,.0f}")


def on_gpu(folder: Path, rounds: int) -> None:
    if not torch.cuda.is_available():
        print("GPU: there is none, not measured")
        return
    network = load(folder, ClassifierSettings(str(folder), device="cuda"))
    exact = load(folder, ClassifierSettings(str(folder), device="cuda", precision="fp32"))
    texts = headlines(GPU_TEXTS)
    few = texts[:GPU_ONE_BY_ONE]
    piped = one_by_one(exact, 0)
    network.probabilities(texts)
    piped(few[:20])
    print(f"{torch.cuda.get_device_name()}, {GPU_TEXTS} headlines, {network.precision}")
    print(*network.said, sep="\n", end="\n" if network.said else "")
    row("texts/s", "one by one", "ours", "ratio")
    theirs, ours = [], []
    for _ in range(rounds):
        theirs.append(rate(lambda: piped(few), len(few)))
        ours.append(rate(lambda: network.probabilities(texts), GPU_TEXTS))
    compared("as it is", ours, theirs)
    same, off = agreement(network, exact, texts)
    row("labels equal to fp32's", f"{same:.1%}", f"{off:.4f}", f"(unsure {network.unsure:.4f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the random weights are kept (440 MB)")
    parser.add_argument("--only", choices=("cpu", "gpu"))
    arguments = parser.parse_args()
    quiet: Any = logging
    quiet.set_verbosity_error()
    quiet.disable_progress_bar()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder = built(arguments.folder or Path(scratch))
        if arguments.only != "gpu":
            on_cpu(folder, arguments.texts, arguments.rounds)
        if arguments.only != "cpu":
            on_gpu(folder, arguments.rounds)


if __name__ == "__main__":
    main()
