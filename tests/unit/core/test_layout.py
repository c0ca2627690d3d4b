"""The names by which stages meet in files."""

import pytest

from servecost.core import layout, systems
from servecost.core.layout import RunName

TABLES = {name: value for name, value in vars(layout).items() if name.endswith("COLUMNS")}


def test_the_name_of_a_run_names_its_parts():
    """The report finds in Locust's CSV what the load wrote there."""
    assert str(RunName("my-recipe_2", 8, 32, 10000)) == "my-recipe_2 batch_size=8 users=32 examples=10000"


@pytest.mark.parametrize("columns", TABLES.values(), ids=TABLES)
def test_a_table_has_each_column_once(columns: tuple[str, ...]):
    """A row is read by the names of its columns."""
    assert len(set(columns)) == len(columns)


@pytest.mark.parametrize("required", [layout.REQUIRED_PAIR_FILES, layout.REQUIRED_SAME_FILES, layout.LOCUST_RUN_FILES])
def test_what_a_run_must_have_is_among_what_it_may_have(required: tuple[str, ...]):
    """The manifest has the digests of the latter."""
    assert set(required) < set(layout.PAIR_FILES)
    assert len(set(layout.PAIR_FILES)) == len(layout.PAIR_FILES)


def test_a_pair_must_have_the_files_of_both_arms():
    """A pair of the baseline with itself has no Locust's."""
    assert set(layout.REQUIRED_PAIR_FILES) == {*layout.LOCUST_RUN_FILES, *layout.REQUIRED_SAME_FILES}
    assert not set(layout.LOCUST_RUN_FILES) & set(layout.REQUIRED_SAME_FILES)


def test_the_baselines_pair_with_itself_is_no_systems():
    """Nobody's system can have its name: folders with an underscore are shared code."""
    assert layout.SAME not in systems.available()
    assert layout.SAME.startswith("_")


def test_folders_are_named_by_round_and_cell():
    """Nobody who knows a cell has to search for it."""
    assert (layout.round_folder(3), layout.cell_folder(8, 32)) == ("round-3", "b8-c32")
    assert (layout.cell_folder(8, 0), layout.cell_folder(8, 32, 2)) == ("b8-c0", "b8-c32-p2")
