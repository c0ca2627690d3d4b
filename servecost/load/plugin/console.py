"""The ledger of a run on the console."""

from rich import box
from rich.console import Console
from rich.table import Table

from servecost.load.ledger import ServerCount
from servecost.load.outcome import Outcome

WIDTH = 150  # whatever the terminal: a log file or a pipe must not cut the table


def print_ledger(outcome: Outcome) -> None:
    """Print what each worker was given, what became of it, and what the server counted."""
    table = Table(box=box.SIMPLE_HEAD, title=f"Ledger of {outcome.name}", title_justify="left", show_footer=True)
    ledger, counts = outcome.ledger, outcome.ledger.total
    table.add_column("Worker", footer="total")
    table.add_column("Users", justify="right", footer=str(ledger.users))
    for name, count in zip(counts._fields, counts, strict=True):
        table.add_column(name.replace("_", "\n").capitalize(), justify="right", footer=str(count))
    total = "" if outcome.total_s is None else f"{outcome.total_s:.6f}"
    table.add_column("Seconds to\nlast answer", justify="right", footer=total)
    table.add_column("Share of\na core", justify="right")
    for number, entry in enumerate(ledger.entries.values()):
        span_ns = outcome.times.span_ns(entry)
        span = "" if span_ns is None else f"{span_ns / 1e9:.6f}"
        cpu = "" if entry.cpu_use is None else f"{entry.cpu_use.cpu_share:.0%}"
        table.add_row(f"{number} {entry.name}", str(entry.users), *map(str, entry.tally), span, cpu)
    console = Console(width=WIDTH, highlight=False, markup=False, emoji=False)
    console.print(table)
    for fault in ledger.faults:
        console.print(fault)
    console.print(_describe(ledger.server_count))


def _describe(count: ServerCount) -> str:
    if count.requests is None:
        return f"Server: {count.note}."
    sent = str(count.least) if count.least == count.most else f"{count.least} to {count.most}"
    agreement = "they agree" if count.agrees else "they DO NOT agree"
    return f"Server: received {count.requests} requests {count.note}; sent: {sent}; {agreement}."
