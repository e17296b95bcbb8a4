"""A completion is an effect: question and answer are stored before the answer is used, and a replay asks nobody.

What a call cost, how long it took and who else was tried is no part of it. A model that did not answer is stored too,
so that a replay abstains for the same reason. A question is kept in parts, each of them once.
"""

from agents.llm.presets import Form
from agents.llm.question import Asked, Question
from agents.llm.saying import Completion, Unanswered, Why, read_back
from agents.llm.talking import Account, Talking
from core.canonical import JSON
from core.errors import LedgerBroken
from core.ports import Effects


async def answered(
    talker: Talking, effects: Effects, node: str, asked: Asked, account: Account
) -> tuple[Form, Completion]:
    """The answer as it is stored. Raises Unanswered as it was raised, or as it is stored.

    Raises LedgerBroken where what is stored is no answer.
    """
    question = Question.of(asked)

    async def ask() -> JSON:
        try:
            form, completion = await talker.answer(asked, account)
        except Unanswered as failed:
            return {"asked": question.named, "unanswered": failed.why.value, "message": failed.message}
        return {"asked": question.named, "said": completion.stored(form)}

    lane = account.lane if account.sample == 0 else f"{account.lane}/{account.sample}"
    stored = await effects.perform(node, lane, question.whole, ask, question.parts)
    try:
        if "unanswered" not in stored:
            return read_back(stored["said"])
        silent = Unanswered(Why(stored["unanswered"]), stored["message"])
    except (KeyError, TypeError, ValueError) as broken:
        raise LedgerBroken(f"the stored answer of {node} is not one of its answers: {broken}") from None
    raise silent
