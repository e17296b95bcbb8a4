"""Texts of like length go through a classifier together, so that padding is not computed."""

from __future__ import annotations

from collections.abc import Sequence


def batches(lengths: Sequence[int], most_tokens: int) -> list[list[int]]:
    """Places of the texts, shortest first, in batches of at most `most_tokens` tokens with their padding.

    A text longer than that is a batch of its own. Every place occurs once.
    """
    found: list[list[int]] = []
    batch: list[int] = []
    for at in sorted(range(len(lengths)), key=lambda place: lengths[place]):
        if batch and lengths[at] * (len(batch) + 1) > most_tokens:
            found.append(batch)
            batch = []
        batch.append(at)
    return [*found, batch] if batch else found
