"""The account of a run on the console."""

from rich import box
from rich.console import Console
from rich.table import Table

from servecost.load.ledger import Seen
from servecost.load.outcome import Outcome

WIDTH = 150  # a table that a log file or a pipe has cut would be no account


def print_ledger(outcome: Outcome) -> None:
    """Print what each worker was given and what came of it, and what the server says of it."""
    table = Table(box=box.SIMPLE_HEAD, title=f"Ledger of {outcome.name}", title_justify="left", show_footer=True)
    ledger, total = outcome.ledger, outcome.ledger.total
    table.add_column("Worker", footer="total")
    table.add_column("Users", justify="right", footer=str(ledger.users))
    for name, count in zip(total._fields, total, strict=True):
        table.add_column(name.replace("_", "\n").capitalize(), justify="right", footer=str(count))
    wall = f"{outcome.wall_ns / 1e9:.6f}" if outcome.is_answered else ""
    table.add_column("Seconds to\nlast answer", justify="right", footer=wall)
    table.add_column("Share of\na core", justify="right")
    for number, entry in enumerate(ledger.entries.values()):
        span = "" if entry.span_ns is None else f"{entry.span_ns / 1e9:.6f}"
        cpu = "" if entry.effort is None else f"{entry.effort.cpu_share:.0%}"
        table.add_row(f"{number} {entry.name}", str(entry.users), *map(str, entry.tally), span, cpu)
    console = Console(width=WIDTH, highlight=False, markup=False, emoji=False)
    console.print(table)
    for fault in ledger.faults:
        console.print(fault)
    console.print(_testimony(ledger.seen))


def _testimony(seen: Seen) -> str:
    if seen.requests is None:
        return f"Server: {seen.note}."
    sent = str(seen.least) if seen.least == seen.most else f"{seen.least} to {seen.most}"
    return f"Server: received {seen.requests} requests {seen.note}; sent: {sent}; {_AGREES[seen.agrees]}."


_AGREES = {True: "they agree", False: "they DO NOT agree"}
