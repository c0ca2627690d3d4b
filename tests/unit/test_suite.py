"""The suite itself: what is written of its tests is so."""

import pytest


@pytest.mark.xdist_group("itself")
def test_a_group_of_tests_is_in_one_process(request: pytest.FixtureRequest):
    """pytest-xdist finds a group by the test's id; without it, each process would make what the group shares."""
    if request.config.getoption("loadgroup", False):
        assert request.node.nodeid.endswith("@itself")
