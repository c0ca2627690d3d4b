"""The compact storage of records."""

from servecost.load.records import Record, Records

GIVEN = [Record(2, 0, 8, 10, 30, ""), Record(0, 1, 8, 11, 20, "HTTP 500"), Record(1, 0, 3, 12, 40, "")]


def test_records_come_back_as_they_were_given():
    """With the failure of the one that failed."""
    records = Records(GIVEN)
    assert list(records) == GIVEN
    assert (len(records), records[1]) == (3, GIVEN[1])


def test_records_are_read_in_the_order_of_their_requests():
    """They are kept in the order in which the requests ended."""
    assert [record.request for record in Records(GIVEN).in_order()] == [0, 1, 2]


def test_a_copy_since_the_release_changes_the_times_only():
    """The original keeps its process's clock."""
    records = Records(GIVEN)
    assert list(records.since(10)) == [
        record._replace(sent_ns=record.sent_ns - 10, answered_ns=record.answered_ns - 10) for record in GIVEN
    ]
    assert list(records) == GIVEN
