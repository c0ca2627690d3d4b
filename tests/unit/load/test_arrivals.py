"""When requests are due."""

import pytest

from servecost.load.arrivals import ClosedLoop


@pytest.mark.parametrize("request_number", [0, 1, 9_999])
def test_a_closed_loop_has_no_due_times(request_number):
    """Each user sends as soon as its last request is answered."""
    assert ClosedLoop().due_ns(request_number) is None
