"""The ledger of a run: its totals and the state of its workers."""

from servecost.load.ledger import Ledger
from servecost.load.records import Record, Records
from servecost.load.tally import Tally


def ledger() -> Ledger:
    made = Ledger(["w0", "w1"])
    for number, entry in enumerate(made.entries.values()):
        entry.users = number + 1
        entry.tally = Tally(2, 1, 1, 4, 2, 2)
        entry.records = Records(Record(request, 0, 2, 0, 1, "") for request in (number + 2, number))
    return made


def test_totals_are_over_all_workers():
    """Users, and every column of the tally."""
    assert ledger().users == 3
    assert ledger().total == Tally(4, 2, 2, 8, 4, 4)


def test_a_ledger_without_workers_has_empty_totals():
    """A run that no worker takes part in has done nothing."""
    empty = Ledger([])
    assert (empty.users, empty.total, empty.end_ns) == (0, Tally(), None)


def test_records_of_all_workers_are_merged_in_the_order_of_the_requests():
    """Each with the number of its worker."""
    assert [(worker, record.request) for worker, record in ledger().records()] == [(0, 0), (1, 1), (0, 2), (1, 3)]


def test_the_end_is_the_last_answer_of_all_workers():
    """A worker that sent nothing has none."""
    made = ledger()
    assert made.end_ns is None
    made.entries["w1"].end_ns = 7
    assert made.end_ns == 7


def test_a_lost_worker_s_records_are_not_waited_for():
    """Its fault is listed instead."""
    made = ledger()
    made.entries["w0"].is_whole = True
    assert not made.is_whole
    made.entries["w1"].fault = "worker 1 has quit"
    assert made.is_whole
    assert made.faults == ["worker 1 has quit"]
