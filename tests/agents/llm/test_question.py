"""A question is known by its whole text, and kept in parts that most questions share."""

from agents.llm.drafts import OpinionDraft
from agents.llm.question import Asked, Question
from agents.llm.schema import schema_of
from core.canonical import digest
from tests.agents.llm.talks import TOOL

SYSTEM, USER = {"role": "system", "content": "judge"}, {"role": "user", "content": "BTC/USDT"}
FIRST = Asked((SYSTEM, USER), (TOOL,), schema_of(OpinionDraft))


def test_the_whole_is_named_as_if_it_were_written_at_once() -> None:
    whole = Question.of(FIRST).whole
    assert whole.digest == digest(FIRST)
    assert whole.digest != Question.of(Asked(FIRST.messages, FIRST.tools, FIRST.schema, last=True)).whole.digest
    assert Question.of(Asked((USER,))).whole.digest == digest(Asked((USER,)))


def test_every_part_that_is_named_is_kept() -> None:
    question = Question.of(FIRST)
    named = question.named
    assert [*named["messages"], named["tools"], named["schema"]] == [part.digest for part in question.parts]
    assert question.parts[0].value == SYSTEM


def test_a_second_turn_adds_what_was_said_and_nothing_else() -> None:
    said = {"role": "assistant", "content": "hm"}
    second = Question.of(Asked((*FIRST.messages, said), FIRST.tools, FIRST.schema))
    first = {part.digest for part in Question.of(FIRST).parts}
    assert [part.value for part in second.parts if part.digest not in first] == [said]
