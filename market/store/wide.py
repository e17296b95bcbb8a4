"""Many months at once: DuckDB opens files in less than half of pyarrow's time, which for one or two does not matter."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from market.store.rows import Rows
from market.store.versions import FIELDS

WORTH_IT = 8  # files; below, the import of DuckDB costs more than it saves


def read_months(paths: Sequence[Path], counts: Sequence[int]) -> list[Rows]:
    """The rows of each file, `counts` of them, as they were written. FileNotFoundError where one is gone."""
    columns = ", ".join(("open_ns", "known_at_ns", "synthetic", *FIELDS))
    # Rows come in the order of the files: DuckDB keeps the order of insertion unless told otherwise.
    query = f"SELECT {columns} FROM read_parquet(?, hive_partitioning = false)"  # names of our own
    try:
        found = _connection().cursor().execute(query, [[str(path) for path in paths]]).fetchnumpy()
    except _io_error():
        for path in paths:
            os.stat(path)  # FileNotFoundError for one that a writer has swept: the reader looks again
        raise
    everything = Rows(
        open_ns=found["open_ns"],
        known_ns=found["known_at_ns"],
        synthetic=found["synthetic"].astype(bool),
        numbers=np.stack([found[field] for field in FIELDS]),
    )
    ends = np.cumsum(counts)
    if int(ends[-1]) != len(everything.open_ns):
        raise ValueError(f"found {len(everything.open_ns)} rows in {len(paths)} files that hold {int(ends[-1])}")
    return [everything.at(slice(int(end) - count, int(end))) for end, count in zip(ends, counts, strict=True)]


def _io_error() -> Any:
    import duckdb

    return duckdb.IOException


@cache
def _connection() -> Any:
    import duckdb

    return duckdb.connect(":memory:")
