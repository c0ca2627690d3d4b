"""The page of faults says what the tests inject."""

from tests import faults


def test_the_page_is_made_of_the_tests_marks():
    """It is generated: ``python -m tests.faults``."""
    assert faults.page() == faults.PAGE.read_text()


def test_each_fault_has_a_line_of_its_own():
    """Two of the same name could not be told apart."""
    names = [each.what for each in faults.faults()]
    assert len(names) == len(set(names)) > 20
