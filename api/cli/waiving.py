"""`warden risk waive`: going live on a policy that has not been rehearsed for long enough."""

from rich.text import Text

from api.cli import words
from api.cli.console import console, print_json
from api.cli.opened import books
from desk import readiness, waivers
from desk.clock import SystemClock


def rehearsal(by: str, reason: str, *, json: bool) -> None:
    """Holds for the risk policy that is in force now; another one has to be rehearsed, or waived, for itself."""
    with books() as opened:
        settings, now_ns = opened.settings, SystemClock().now_ns()
        policy, about = settings.risk.policy_hash, settings.policy_source
        days = opened.books.read(lambda conn: readiness.rehearsed_days(conn, settings))
        opened.books.write(
            lambda conn: waivers.waive(conn, waivers.REHEARSAL, policy, about, by=by, reason=reason, now_ns=now_ns)
        )
    if json:
        print_json({"policy_hash": policy, "policy": about, "days": days, "by": by, "reason": reason})
        return
    told = f"policy {words.short(policy)} may go live after {days} of {readiness.REHEARSED_DAYS} days, until it changes"
    console.print(Text.assemble(("✓ ", "bold green"), told))
