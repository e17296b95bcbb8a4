"""What a judged model looks like, to a person and to a program."""

from api.cli import words
from api.cli.console import console
from api.cli.show import table
from core.canonical import JSON
from desk.modelling import Judged


def evidence(judged: Judged) -> JSON:
    """What was found out of sample, for programs."""
    against = judged.evidence.against
    result = judged.result
    earned = {"trades": result.trades, "total": result.total, "gross": result.gross, "cost": result.cost}
    told = {"version": judged.version.version, "state": judged.version.state.value, **judged.evidence.told()}
    return {**told, "earned": earned, "against": list(against), "may_vote": not against}


def scored(judged: Judged) -> None:
    """The scorecards, what following the model came to, and what speaks against its vote."""
    found = judged.evidence
    shown = table("out of sample", "outcomes", "Brier", "skill", "log skill", "hits", "mean")
    for card in (found.card, *found.naive):
        skills = (f"{card.brier:.4f}", f"{card.skill:+.4f}", f"{card.log_skill:+.4f}")
        shown.add_row(card.name, str(card.n), *skills, f"{card.hit_rate:.1%}", f"{card.mean_return:+.4%}")
    console.print(shown)
    result = judged.result
    trades = words.count(result.trades, "trade")
    console.print(f"following it: {trades}, {result.total:+.1%} after costs of {result.cost:.1%}")
    for reason in found.against:
        console.print(f"⚠ {reason}", style="yellow", markup=False)
