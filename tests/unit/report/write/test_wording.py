"""Tables of strings, and verdicts."""

import pandas as pd

from servecost.core.verdicts import RULES
from servecost.report import overhead
from servecost.report.read.tables import STAGES_COLUMNS
from servecost.report.write import wording
from tests.unit.report.sample import SERVED, results


def summary(**given) -> pd.DataFrame:
    return overhead.summary(overhead.pairs(results(**given)))


def test_a_run_that_is_missing_everywhere_prints_as_missing():
    """Never 0, and never left out."""
    table = wording.published_table(summary(served=[SERVED[0], SERVED[2]]))
    assert list(table["fastDeploy"]) == ["40.0 ± 127", "missing"]
    assert list(table["Overhead"]) == ["+25.0 ± 63.5 (2.75 ×)", "missing"]
    assert list(table["Baseline"]) == ["15.0 ± 63.5", "15.0 ± 63.5"]


def test_a_run_that_broke_a_rule_prints_as_such():
    """The rule is in the table, the reason and the remedy below it."""
    broken = summary(served=[SERVED[0], SERVED[2]], rule="client-cpu")
    assert list(wording.published_table(broken)["Overhead"])[1] == "INVALID(client-cpu)"
    below = wording.verdicts(broken)
    assert "1 of 2 rows are not valid" in below
    assert f"- echo, 8 × 4: INVALID(client-cpu): round 1: why. Remedy: {RULES['client-cpu'].remedy}." in below


def test_rounds_that_differ_too_much_print_with_their_numbers():
    """They are there to look at."""
    spread = summary(served=[(1, 8, 1, 3.0), (2, 8, 1, 6.5), *SERVED[1::2]])
    assert wording.published_table(spread)["Overhead"][0].endswith("INVALID(spread)")


def test_a_baseline_that_is_missing_prints_as_missing_beside_the_served_seconds():
    """The overhead needs both arms."""
    table = wording.published_table(summary(baseline=[]))
    assert set(table["Baseline"]) == set(table["Overhead"]) == {"missing"}
    assert list(table["fastDeploy"]) == ["40.0 ± 127", "20.0 ± 63.5"]


def test_a_mean_of_fewer_rounds_than_planned_says_so():
    """It is the mean of the rounds that have both arms."""
    assert list(wording.published_table(summary(served=SERVED[:3]))["Overhead"]) == [
        "+25.0 ± 63.5 (2.75 ×)",
        "+5.00 (1.50 ×) (1 of 2 rounds)",
    ]


def test_results_without_any_run_make_a_table_of_missing():
    """An experiment that was interrupted before its first run has a report, too."""
    assert set(wording.published_table(summary(served=[], baseline=[]))["Overhead"]) == {"missing"}


def test_the_columns_of_the_published_table_never_change():
    """It is the page's table."""
    table = wording.published_table(summary())
    assert list(table.columns) == ["Recipe", "Batch Size", "Baseline", "Req Concurrency", "fastDeploy", "Overhead"]
    header = " ".join(wording.markdown(table).splitlines()[0].split())
    assert header == "| Recipe | Batch Size | Baseline | Req Concurrency | fastDeploy | Overhead |"


def test_the_overhead_per_request_is_a_table_of_concurrencies():
    """A row for each batch size."""
    assert wording.per_request_table(summary()).to_dict("list") == {
        "Recipe": ["echo"],
        "Batch Size": [8],
        "1 concurrent": ["+20.0"],
        "4 concurrent": ["+4.00"],
    }


def test_a_cell_that_is_not_planned_is_not_missing():
    """Recipes may have batch sizes and concurrencies of their own."""
    own = summary()
    other = own[own["concurrency"] == 4].assign(recipe="other", batch_size=64)
    table = wording.per_request_table(pd.concat([own, other]))
    assert table.to_numpy().tolist() == [["echo", 8, "+20.0", "+4.00"], ["other", 64, "–", "+4.00"]]


def test_quantiles_name_the_system_where_there_are_several():
    """Two systems' rows would be the same otherwise."""
    row = ("echo", "one", 8, 1, "sent → arrived", 1.0, 1.0, 1.0, 1.0, 2.0, 1250)
    one = pd.DataFrame([row], columns=STAGES_COLUMNS)
    assert "System" not in wording.quantile_table(one)
    both = wording.quantile_table(pd.concat([one, one.assign(system="two")]))
    assert list(both.columns[:3]) == ["Recipe", "System", "Batch Size"]
    assert list(both["System"]) == ["one", "two"]
    assert list(both["Requests"]) == ["1,250", "1,250"]
