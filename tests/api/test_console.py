"""What a person sees is what is there: no text that is shown steers the terminal."""

import io
import json

import pytest
from rich.syntax import Syntax
from rich.text import Text

from agents.chat.events import Asks, Looked, Note, Said, Told
from api.cli import show
from api.cli.chat import Screen
from api.cli.console import Terminal, console, print_json

HOSTILE = "before \x1b[2J\x1b]0;gone\x07 \x9b31m\r\u202e after"


def seen(*shown: object) -> str:
    out = io.StringIO()
    to = Terminal(file=out, highlight=False, width=200)
    for one in shown:
        to.print(one)
    return out.getvalue()


def plain(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize("shown", [HOSTILE, Text(HOSTILE), Text(f"two\nlines {HOSTILE}"), Syntax(HOSTILE, "json")])
def test_a_text_cannot_steer_the_terminal(shown: object) -> None:
    told = seen(shown)
    assert plain(told)
    assert "before" in told
    assert "after" in told


def test_a_cell_of_a_table_cannot_either() -> None:
    table = show.table("thesis", "words")
    table.add_row(HOSTILE, "[bold]" + HOSTILE)
    assert plain(seen(table))
    assert "[bold]" in seen(table)


def test_lines_and_our_own_colours_stay() -> None:
    out = io.StringIO()
    Terminal(file=out, force_terminal=True, color_system="standard").print(Text("one\ntwo", style="red"))
    assert out.getvalue().count("\x1b[31m") >= 1
    assert seen("one\ntwo") == "one\ntwo\n"


def test_a_conversation_is_shown_without_what_a_model_put_into_it(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    asked = {"symbol": HOSTILE}
    for event in (Said(HOSTILE), Looked(HOSTILE, asked), Told("why", HOSTILE, {}), Asks(HOSTILE, {}), Note(HOSTILE)):
        screen.add(event)
    assert isinstance(console, Terminal)
    assert plain(capsys.readouterr().out)


def test_json_escapes_what_cannot_be_seen_and_reads_back_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    told = {"thesis": HOSTILE, "tags": "\U000e0041", "said": "比特币\nnext", "lone": "\ud800"}
    print_json(told)
    out = capsys.readouterr().out
    assert plain(out)
    assert "比特币" in out
    assert json.loads(out) == told
