"""A write is whole or not there; what was changed from outside is found; writers wait for each other."""

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from core.errors import DataRefused, DeskBusy
from market.store.candles import CandleStore
from market.store.locking import locked
from market.store.shelf import Fault
from market.store.store import MarketStore
from tests.market.store.material import KEY, LATER, hours, reading, seen

ROOT = Path(__file__).parents[3]

# Ends itself by SIGKILL inside the n-th call of a function of the operating system, as a power cut would.
KILLED = """
import os, signal, sys
from pathlib import Path
from market.store.candles import CandleStore
from tests.market.store.material import KEY, LATER, hours, seen
name, at = sys.argv[2], int(sys.argv[3])
real, calls = getattr(os, name), 0
def deadly(*arguments):
    global calls
    calls += 1
    if calls == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)
setattr(os, name, deadly)
CandleStore(Path(sys.argv[1])).append(KEY, hours([200.0 + i for i in range(1500)]), seen(LATER + 1))
print("survived", calls)
"""


def ended_at(folder: Path, call: str, at: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", KILLED, str(folder), call, str(at)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def everything(folder: Path) -> list[float]:
    return list(CandleStore(folder).bars(*KEY, as_of_ns=LATER * 2, n=10_000).close.tolist())


def faults(folder: Path) -> list[Fault]:
    return [fault for found in MarketStore(folder).faults() for fault in found]


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """Two months of bars."""
    CandleStore(tmp_path).append(KEY, hours([100.0 + i for i in range(1200)]), seen())
    return tmp_path


def month(folder: Path, at: int = 0) -> Path:
    store = CandleStore(folder)
    return store.shelf(KEY).folder / store.manifest(KEY).parts[at].file


# Kills


def test_a_kill_in_the_middle_of_a_write_loses_nothing_shows_nothing_and_leaves_no_lock(stored: Path) -> None:
    # Three months are written, then the manifest: the fourth rename is the commit.
    before = everything(stored)
    assert ended_at(stored, "replace", 2).returncode == -9
    assert everything(stored) == before
    assert [fault for fault in faults(stored) if not fault.harmless] == []
    with locked(CandleStore(stored).shelf(KEY).folder / ".lock", wait_s=0.02):
        pass


def test_the_next_write_sweeps_what_a_kill_left_and_does_its_work(stored: Path) -> None:
    before = everything(stored)
    assert ended_at(stored, "replace", 4).returncode == -9
    assert everything(stored) == before
    assert [fault.harmless for fault in faults(stored)] == [True] * 4  # three months and a manifest not yet renamed
    CandleStore(stored).append(KEY, hours([200.0 + i for i in range(1500)]), seen(LATER + 1))
    assert faults(stored) == []
    assert everything(stored) == [200.0 + i for i in range(1500)]


# Changes from outside


def test_a_store_as_it_was_written_has_no_fault(stored: Path) -> None:
    assert faults(stored) == []
    assert faults(stored / "nowhere") == []


def test_a_file_changed_by_hand_is_found_even_at_the_same_length(stored: Path) -> None:
    content = bytearray(month(stored).read_bytes())
    content[len(content) // 2] ^= 1
    month(stored).write_bytes(content)
    (found,) = faults(stored)
    assert (found.path, found.what.startswith("changed"), found.harmless) == (month(stored), True, False)


def test_a_missing_file_is_found_and_a_read_says_so(stored: Path) -> None:
    gone = month(stored, 1)
    gone.unlink()
    assert [(fault.path, fault.what) for fault in faults(stored)] == [(gone, "missing: it held 456 rows")]
    with pytest.raises(DataRefused, match="in the manifest and not on disk"):
        everything(stored)


def test_a_file_that_is_not_listed_is_found_and_never_swept(stored: Path) -> None:
    stranger = month(stored).with_name("2021-05.0123456789ab.parquet")
    stranger.write_bytes(b"not ours")
    CandleStore(stored).append(KEY, hours([1.0], at=[3000]), seen())
    assert [(fault.path, fault.what) for fault in faults(stored)] == [(stranger, "not in the manifest")]


def test_a_folder_without_a_manifest_is_found(stored: Path) -> None:
    CandleStore(stored).shelf(KEY).path.unlink()
    assert len(faults(stored)) == 2


@pytest.mark.parametrize("change", [b"{", b"\xff", b"[]", b"{}"])
def test_a_manifest_that_is_none_is_refused_and_found(stored: Path, change: bytes) -> None:
    path = CandleStore(stored).shelf(KEY).path
    path.write_bytes(change)
    assert [fault.path for fault in faults(stored)] == [path]
    with pytest.raises(DataRefused, match="found no manifest"):
        everything(stored)


def test_a_manifest_edited_by_hand_is_found(stored: Path) -> None:
    path = CandleStore(stored).shelf(KEY).path
    path.write_text(path.read_text().replace('"lag_ns": 0', '"lag_ns": 1'))
    assert [fault.what.split(";")[0] for fault in faults(stored)] == ["the manifest was changed by hand"]


def test_the_manifest_of_another_data_set_is_refused(stored: Path, tmp_path: Path) -> None:
    store = MarketStore(tmp_path)
    store.series.append([reading("0.1", LATER)], seen())
    other = next((tmp_path / "series").rglob("manifest.json"))
    CandleStore(stored).shelf(KEY).path.write_bytes(other.read_bytes())
    with pytest.raises(DataRefused, match="it is the manifest of series"):
        everything(stored)


# Disks


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_disk_that_is_full_ends_in_a_sentence_and_changes_nothing(
    stored: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    before, calls, real = everything(stored), [], os.fsync

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) == at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataRefused, match="cannot be written: No space left on device; nothing was changed"):
        CandleStore(stored).append(KEY, hours([200.0 + i for i in range(1500)]), seen(LATER + 1))
    monkeypatch.undo()
    assert everything(stored) == before
    assert [fault for fault in faults(stored) if not fault.harmless] == []


def test_a_folder_in_the_place_of_a_file_or_the_other_way_ends_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "bars").write_text("in the way")
    with pytest.raises(DataRefused, match="cannot be written"):
        CandleStore(tmp_path).append(KEY, hours([1.0]), seen())


def test_a_part_that_may_not_be_read_is_refused(stored: Path) -> None:
    part = month(stored)
    part.unlink()
    part.mkdir()
    with pytest.raises(DataRefused, match="cannot be read: Is a directory"):
        everything(stored)
    assert [fault.what for fault in faults(stored)] == ["cannot be read (Is a directory)"]


# Writers


def test_a_writer_waits_and_then_gives_up(tmp_path: Path) -> None:
    with (
        locked(tmp_path / ".lock"),
        pytest.raises(DeskBusy, match=r"has been writing to .* for 0.1 s"),
        locked(tmp_path / ".lock", wait_s=0.1, sleep=lambda _: None),
    ):
        raise AssertionError("two writers at once")


def test_two_processes_that_write_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from market.store.candles import CandleStore;"
        "from tests.market.store.material import KEY, hours, seen; start = int(sys.argv[2]);"
        "[CandleStore(Path(sys.argv[1])).append(KEY, hours([1.0 + i], at=[i]), seen()) for i in range(start, 20, 2)]"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(i)], cwd=ROOT) for i in (0, 1)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert everything(tmp_path) == [1.0 + i for i in range(20)]
    assert faults(tmp_path) == []


def test_a_reader_is_never_broken_by_a_writer(tmp_path: Path) -> None:
    store, stop, seen_lengths = CandleStore(tmp_path), threading.Event(), []
    store.append(KEY, hours([1.0]), seen())

    def read() -> None:
        while not stop.is_set():
            seen_lengths.append(len(everything(tmp_path)))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for i in range(1, 30):
            store.append(KEY, hours([1.0 + i], at=[i]), seen())
            time.sleep(0)
    finally:
        stop.set()
        reader.join()
    assert seen_lengths == sorted(seen_lengths)
    assert everything(tmp_path) == [1.0 + i for i in range(30)]


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    hashes = []
    for name in ("one", "two"):
        store = CandleStore(tmp_path / name)
        store.append(KEY, hours([100, 101, 102]), seen())
        hashes.append(store.manifest(KEY).content_hash)
    assert hashes[0] == hashes[1]
    assert os.path.exists(tmp_path / "one")
