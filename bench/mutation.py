"""Mutation testing of `risk/`: every small change to a rule, a breaker or a sum must fail a test.

    python -m bench.mutation                          a sample of 30 mutants, about a minute
    python -m bench.mutation --all                    every mutant, an hour or more on two cores
    python -m bench.mutation --all --only comparison state rounding --files risk/rules risk/breakers.py

Each worker works on a copy of the tree: it writes one mutant, forks, and the child runs the tests until one fails. What
tests import is loaded before the fork, so that a mutant costs what its tests cost. A survivor that no test can kill is
named with its reason in `bench/mutation.md`; any other one fails the run.
"""

import argparse
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from itertools import chain
from pathlib import Path
from queue import Empty, SimpleQueue
from random import Random
from typing import Final

from bench.mutants import Mutant, mutants_of

ROOT: Final = Path(__file__).resolve().parent.parent
FILES: Final = (
    "risk/rules",
    *(f"risk/{name}.py" for name in ("review", "candidate", "facts", "breakers", "causes", "readings", "states")),
    *(f"risk/{name}.py" for name in ("stops", "sizing", "predicates", "arithmetic", "shortfall")),
)
TESTS: Final = ("tests/risk", "tests/fuzz/test_reviews.py")
LOADED: Final = ("core.exits", "core.ports", "hypothesis.stateful", "numba", "numpy", "pydantic")
LIMIT_S: Final = 300
QUIETLY: Final = ("-x", "-q", "--assert=plain", "--tb=no")
LEAVES: Final = ("arithmetic", "stops", "")
# Files whose tests stand in a file of another name.
BESIDE: Final = {
    "facts": ("test_account",),
    "candidate": ("test_review", "test_account"),
    "states": ("test_causes",),
    "readings": ("test_breakers",),
    "base": ("test_form",),
}
EXAMPLES: Final = "10"  # of each property: enough to fail, and few enough to pass quickly
KILLED, SURVIVED, TIMED_OUT = "killed", "survived", "timed out"

Sources = Mapping[str, bytes]


def main() -> int:
    asked = _arguments()
    if asked.worker:
        return _work(asked.tests)
    sources = {file: (ROOT / file).read_bytes() for file in _files(asked.files)}
    mutants = [
        m for file, source in sources.items() for m in mutants_of(file, source) if m.kind in (asked.only or [m.kind])
    ]
    if not asked.all:
        mutants = Random(asked.seed).sample(mutants, min(asked.sample, len(mutants)))
    return _report(_run(mutants, sources, asked.workers, asked.tests), sources)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="every mutant instead of a sample")
    parser.add_argument("--sample", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--files", nargs="+", default=FILES, help="files or folders of risk/")
    parser.add_argument("--only", nargs="+", help="kinds: comparison, arithmetic, and/or, not, constant, state, ...")
    parser.add_argument("--tests", nargs="+", default=TESTS)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _files(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        path = ROOT / name
        yield from (str(f.relative_to(ROOT)) for f in (sorted(path.glob("*.py")) if path.is_dir() else [path]))


# Many workers, each in a copy of the tree.


def _run(mutants: Sequence[Mutant], sources: Sources, workers: int, tests: Sequence[str]) -> list[tuple[Mutant, str]]:
    waiting: SimpleQueue[Mutant] = SimpleQueue()
    for mutant in mutants:
        waiting.put(mutant)
    results: list[tuple[Mutant, str]] = []
    started = time.monotonic()

    def drive(folder: Path) -> None:
        with _worker(folder, tests) as worker:
            while True:
                try:
                    mutant = waiting.get_nowait()
                except Empty:
                    return
                results.append((mutant, _tried(worker, folder, mutant, sources[mutant.path])))
                _progress(results, len(mutants), started)

    with tempfile.TemporaryDirectory(prefix="mutation-") as home, ThreadPoolExecutor(workers) as pool:
        folders = [_copied(Path(home) / str(n), sources) for n in range(workers)]
        with _worker(folders[0], tests) as unchanged:
            if _asked(unchanged, "") != SURVIVED:
                raise SystemExit("the tests fail without any mutant: mend that first")
        for done in [pool.submit(drive, folder) for folder in folders]:
            done.result()
    return results


def _copied(folder: Path, sources: Sources) -> Path:
    """The tree as it stands, without what the tests of `risk/` do not need."""
    beside = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist")
    shutil.copytree(ROOT, folder, ignore=beside)
    for file, source in sources.items():
        (folder / file).write_bytes(source)
    return folder


def _worker(folder: Path, tests: Sequence[str]) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "CI": "1",
        "TRADEWARDEN_EXAMPLES": EXAMPLES,
    }
    command = [sys.executable, "-m", "bench.mutation", "--worker", "--tests", *tests]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment, text=True, stdin=pipe, stdout=pipe)


def _tried(worker: subprocess.Popen[str], folder: Path, mutant: Mutant, source: bytes) -> str:
    file = folder / mutant.path
    file.write_bytes(mutant.applied(source))
    try:
        return _asked(worker, mutant.path)
    finally:
        file.write_bytes(source)


def _asked(worker: subprocess.Popen[str], path: str) -> str:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(json.dumps(path) + "\n")
    worker.stdin.flush()
    return str(json.loads(worker.stdout.readline()))


def _progress(results: Sequence[tuple[Mutant, str]], total: int, started: float) -> None:
    if len(results) % 10 and len(results) < total:
        return
    counted = Counter(result for _, result in results)
    left_s = (time.monotonic() - started) / len(results) * (total - len(results))
    said = ", ".join(f"{n} {name}" for name, n in counted.items())
    print(f"{len(results)} of {total}: {said}; about {left_s / 60:.0f} min left", file=sys.stderr, flush=True)


# One worker: a process that has everything loaded but the code under test.


def _work(tests: Sequence[str]) -> int:
    import pytest

    for name in LOADED:
        import_module(name)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os.setpgid(0, 0)
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                # Most mutants fail in the tests of their own file: nothing else is even imported for them.
                failed = any(pytest.main([*QUIETLY, *group]) for group in _groups(json.loads(line), tests) if group)
            os._exit(int(failed))
        print(json.dumps(_outcome(child)), flush=True)
    return 0


def _outcome(child: int) -> str:
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return SURVIVED if os.waitstatus_to_exitcode(status) == 0 else KILLED
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return TIMED_OUT


def _groups(path: str, tests: Sequence[str]) -> list[list[str]]:
    """The tests of the mutated file, then the other ones of its room, then campaigns."""
    folders = [Path(test) for test in tests]
    found = sorted(chain.from_iterable(f.rglob("test_*.py") if f.is_dir() else [f] for f in folders))
    stem = Path(path).stem
    # What compiles leaf functions takes seconds, and asks nothing of anything else.
    found = [p for p in found if p.stem != "test_arithmetic" or stem in LEAVES]
    own = [p for p in found if p.stem in (f"test_{stem}", *BESIDE.get(stem, ()))]
    campaigns = [p for p in found if "fuzz" in p.parts]
    others = [p for p in found if p not in own and p not in campaigns]
    return [[str(p) for p in group] for group in (own, others, campaigns)]


# The report.


def _report(results: Sequence[tuple[Mutant, str]], sources: Sources) -> int:
    explained = _explained()
    kinds = sorted({mutant.kind for mutant, _ in results})
    print(f"{'':<14}{KILLED:>10}{SURVIVED:>10}{'explained':>11}")
    left: list[Mutant] = []
    for kind in kinds:
        of_kind = [(mutant, result) for mutant, result in results if mutant.kind == kind]
        survivors = [mutant for mutant, result in of_kind if result == SURVIVED]
        known = [mutant for mutant in survivors if _name(mutant, sources) in explained]
        left += [mutant for mutant in survivors if mutant not in known]
        print(f"{kind:<14}{len(of_kind) - len(survivors):>10}{len(survivors):>10}{len(known):>11}")
    for mutant in sorted(left, key=lambda m: (m.path, m.start)):
        print(mutant.shown(sources[mutant.path]))
    print(f"survivors without an explanation: {len(left)}")
    return 1 if left else 0


def _explained() -> set[str]:
    """The mutants that `bench/mutation.md` names: `file: line after the change`."""
    text = (ROOT / "bench" / "mutation.md").read_text()
    return set(re.findall(r"^- `(.+?)`$", text, re.MULTILINE))


def _name(mutant: Mutant, sources: Sources) -> str:
    after = mutant.shown(sources[mutant.path]).splitlines()[-1]
    return f"{mutant.path}: {after.strip().removeprefix('+').strip()}"


if __name__ == "__main__":
    sys.exit(main())
