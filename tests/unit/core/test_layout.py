"""The names by which stages meet in files."""

import pytest

from servecost.core import layout
from servecost.core.layout import RunName

TABLES = {name: value for name, value in vars(layout).items() if name.endswith("COLUMNS")}


def test_the_name_of_a_run_names_its_parts():
    """The report finds in Locust's CSV what the load wrote there."""
    assert str(RunName("my-recipe_2", 8, 32, 10000)) == "my-recipe_2 batch_size=8 users=32 examples=10000"


@pytest.mark.parametrize("columns", TABLES.values(), ids=TABLES)
def test_a_table_has_each_column_once(columns: tuple[str, ...]):
    """A row is read by the names of its columns."""
    assert len(set(columns)) == len(columns)


def test_what_a_run_must_have_is_among_what_it_may_have():
    """The manifest has the digests of the latter."""
    assert set(layout.REQUIRED_RUN_FILES) < set(layout.RUN_FILES)
    assert len(set(layout.RUN_FILES)) == len(layout.RUN_FILES)


def test_folders_are_named_by_round_and_cell():
    """Nobody who knows a cell has to search for it."""
    assert (layout.round_folder(3), layout.cell_folder(8, 32)) == ("round-3", "b8-c32")
