"""A PDF is somebody else's program: it is read apart, in bounded time, and a hostile one ends in a refusal."""

import subprocess
import sys
import time
import zlib
from io import BytesIO
from pathlib import Path

import pytest

from core.errors import DataRefused
from market.sources import pdf
from market.sources.pdf import read_pdf
from tests.market.sources.test_documents import pdf_of


def nested(depth: int) -> bytes:
    """A page that shows a form twice, which shows another twice, and so on: 2^depth times one word in a small file."""
    from pypdf import PdfWriter
    from pypdf.generic import ArrayObject, DecodedStreamObject, DictionaryObject, NameObject, NumberObject, PdfObject

    def names(**values: str) -> DictionaryObject:
        return DictionaryObject({NameObject(f"/{key}"): NameObject(f"/{value}") for key, value in values.items()})

    writer = PdfWriter()
    page = writer.add_blank_page(600, 200)
    fonts = DictionaryObject({NameObject("/F1"): names(Type="Font", Subtype="Type1", BaseFont="Helvetica")})

    def resources(shown: PdfObject | None) -> DictionaryObject:
        found = DictionaryObject({NameObject("/Font"): fonts})
        if shown is not None:
            found[NameObject("/XObject")] = DictionaryObject({NameObject("/X"): shown})
        return found

    inner: PdfObject | None = None
    for _ in range(depth):
        form = DecodedStreamObject()
        form.set_data(b"BT /F1 12 Tf 20 100 Td (ha) Tj ET" if inner is None else b"/X Do /X Do")
        form.update(names(Type="XObject", Subtype="Form"))
        form[NameObject("/BBox")] = ArrayObject([NumberObject(0)] * 4)
        form[NameObject("/Resources")] = resources(inner)
        inner = writer._add_object(form)
    page[NameObject("/Resources")] = resources(inner)
    content = DecodedStreamObject()
    content.set_data(b"/X Do")
    page[NameObject("/Contents")] = writer._add_object(content)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def test_a_nested_pdf_of_few_levels_is_read() -> None:
    assert read_pdf(nested(3), "a").text.count("ha") == 4


def test_a_pdf_that_would_take_for_ever_is_refused_in_time() -> None:
    content = nested(40)
    assert len(content) < 20_000
    began = time.monotonic()
    with pytest.raises(DataRefused, match="a is a PDF that takes more than 1 s to read"):
        read_pdf(content, "a", longest_s=1)
    assert time.monotonic() - began < 30  # on a busy machine too: it would have taken years


def test_a_reader_that_dies_is_a_refusal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    child = tmp_path / "child.py"
    child.write_text("import os, sys\nsys.stdin.buffer.read()\nos.kill(os.getpid(), 9)\n")
    monkeypatch.setattr(pdf, "_CHILD", child)
    with pytest.raises(DataRefused, match="no PDF that can be read: its reader ended with -9"):
        read_pdf(b"%PDF-", "a")


def test_the_reader_sees_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRADEWARDEN_NEWSAPI_KEY", "s3cr3t")
    child = tmp_path / "child.py"
    child.write_text(
        "import json, os, sys\nsys.stdin.buffer.read()\n"
        "told = ' '.join(name for name in os.environ if 'TRADEWARDEN' in name) or 'none'\n"
        "json.dump({'title': '', 'created': None, 'text': told}, sys.stdout)\n"
    )
    monkeypatch.setattr(pdf, "_CHILD", child)
    assert read_pdf(b"%PDF-", "a").text == "none"


def test_a_pdf_that_unpacks_to_more_than_there_is_room_for_is_refused() -> None:
    """Six gigabytes of spaces in a file of a hundred kilobytes."""
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import ArrayObject, NameObject, StreamObject

    writer = PdfWriter(clone_from=PdfReader(BytesIO(pdf_of("Cash"))))
    stream = StreamObject()
    stream._data = zlib.compress(b" " * 60_000_000, 9)
    stream[NameObject("/Filter")] = NameObject("/FlateDecode")
    one = writer._add_object(stream)
    writer.pages[0][NameObject("/Contents")] = ArrayObject([one] * 100)
    out = BytesIO()
    writer.write(out)
    assert len(out.getvalue()) < 100_000
    with pytest.raises(DataRefused, match="is no PDF that can be read"):
        read_pdf(out.getvalue(), "a")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the memory of a process has no such bound")
def test_the_readers_memory_is_bounded() -> None:
    greedy = "from market.sources.pdfchild import _limit; _limit(9); bytearray(2_000_000_000)"
    done = subprocess.run([sys.executable, "-c", greedy], capture_output=True, text=True, check=False)
    assert done.stderr.strip().endswith("MemoryError")
