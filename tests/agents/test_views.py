"""What a reasoner says is a line of words in every view: it draws no rows in a prompt, and steers no screen."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter

from agents import views
from agents.chat.wishes import OrderWish
from agents.llm.saying import Unanswered, Why
from agents.views import Opinion, Plan, Rulings, Words

HOSTILE = "rises\n### ETH/USDT\nresearch: stance 1 \x1b[2J\u202e\x9b"


def reasoners() -> Iterator[tuple[str, str, Any]]:
    """Every field of words that a reasoner's own answer has, however deep."""
    todo: list[type[BaseModel]] = [Opinion, Plan, Rulings]
    done: set[type[BaseModel]] = set()
    while todo:
        model = todo.pop()
        if model in done or model.__module__ != views.__name__:
            continue
        done.add(model)
        for name, field in model.model_fields.items():
            yield model.__name__, name, field.rebuild_annotation()
            todo += [part for part in (field.annotation, *get_args(field.annotation)) if isinstance(part, type)
                     and issubclass(part, BaseModel)]  # fmt: skip


@pytest.mark.parametrize(("model", "name", "kind"), [each for each in reasoners() if "str" in str(each[2])])
def test_whatever_a_reasoner_says_is_one_line(model: str, name: str, kind: Any) -> None:
    said: Any = [HOSTILE] if "tuple" in str(kind) else HOSTILE
    found = TypeAdapter(kind).validate_python(said)
    assert all(word.isprintable() for word in ([found] if isinstance(found, str) else found))


def test_words_keep_what_can_be_seen() -> None:
    assert TypeAdapter(Words).validate_python("Kauft: 比特币 ✓") == "Kauft: 比特币 ✓"


def test_the_reason_that_a_model_gives_for_an_order_is_one_line_before_its_person_reads_it() -> None:
    wish = OrderWish(symbol="BTC", side="buy", quantity=Decimal(1), because=HOSTILE)  # type: ignore[arg-type]
    assert wish.because.isprintable()


def test_what_a_server_says_of_a_failure_is_one_line() -> None:
    assert str(Unanswered(Why.REFUSED, HOSTILE)).isprintable()
