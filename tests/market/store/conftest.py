"""Folders in memory: every write of the store waits for the disk, and these tests write thousands of times."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.market.store.material import fresh_folder


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with fresh_folder() as folder:
        yield folder
