"""Tables of strings, and verdicts."""

import pandas as pd

from servecost.core.verdicts import RULES
from servecost.report import overhead
from servecost.report.read.tables import RESPONSE_TIMES_COLUMNS, STAGES_COLUMNS
from servecost.report.write import wording
from tests.unit.report.sample import SERVED, results


def summary(**given) -> pd.DataFrame:
    return overhead.summary(overhead.pairs(results(**given)))


def test_a_pair_that_is_missing_everywhere_prints_as_missing():
    """Never 0, and never left out."""
    table = wording.published_table(summary(served=[SERVED[0], SERVED[2]]))
    for column in ("Baseline", "fastDeploy", "Overhead"):
        assert table[column][1] == "missing"
    assert "missing" not in set(table.loc[0])


def test_an_undecided_row_shows_its_interval_and_no_claim():
    """A decided one its number, with the ratio."""
    table = wording.published_table(summary())
    assert list(table["Overhead"]) == ["+29.5 ± 4.24 (2.97 ×)", "−16.2 to +26.2, undecided"]
    assert list(wording.published_table(summary(), has_intervals=False)["Overhead"]) == [
        "+29.5 (2.97 ×)",
        "−16.2 to +26.2, undecided",
    ]
    equal = summary().assign(claim="equal")
    assert wording.published_table(equal)["Overhead"][0] == "+29.5 ± 4.24 (2.97 ×), equal"


def test_a_run_that_broke_a_rule_prints_as_such():
    """The rule is in the table, the reason and the remedy below it."""
    broken = summary(served=[SERVED[0], SERVED[2]], rule="client-cpu")
    assert list(wording.published_table(broken)["Overhead"])[1] == "INVALID(client-cpu)"
    below = wording.verdicts(broken)
    assert "1 of 2 rows are not valid" in below
    assert f"- echo, 8 × 4: INVALID(client-cpu): round 1: why. Remedy: {RULES['client-cpu'].remedy}." in below


def test_a_mean_of_fewer_rounds_than_planned_says_so():
    """It is the mean of the rounds that have both arms."""
    overheads = list(wording.published_table(summary(served=SERVED[:3]))["Overhead"])
    assert "rounds" not in overheads[0]
    assert overheads[1] == "+5.00 (1.50 ×) (1 of 2 rounds)"


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
        "1 concurrent": ["+23.6 ± 3.39"],
        "4 concurrent": ["+4.00 ± 16.9, undecided"],
    }


def test_a_cell_that_is_not_planned_is_not_missing():
    """Recipes may have batch sizes and concurrencies of their own."""
    own = summary()
    other = own[own["concurrency"] == 4].assign(label="other", batch_size=64)
    table = wording.per_request_table(pd.concat([own, other]))
    assert table.to_numpy().tolist() == [
        ["echo", 8, "+23.6 ± 3.39", "+4.00 ± 16.9, undecided"],
        ["other", 64, "–", "+4.00 ± 16.9, undecided"],
    ]


def test_rows_of_another_choice_are_named_by_it():
    """In every table."""
    rows = summary(choices=(64, 32))
    for table in (wording.published_table(rows), wording.attribution_table(rows), wording.overhead_table(rows)):
        assert list(table["Recipe"].unique()) == ["echo, optimal_batch_size 64", "echo, optimal_batch_size 32"]


def test_what_a_cell_takes_besides_seconds_is_a_table():
    """What was not recorded is missing."""
    table = wording.machine_table(summary())[:1]
    assert table[["First call direct, s", "First call served, s", "In flight"]].to_numpy().tolist()[0] == [
        "0.400"
    ] * 2 + ["0.900"]
    assert set(table["CPU served, s"]) == {"missing"}


def test_parts_have_their_intervals():
    """Where they have any; an instrument's share of too few requests is a dash."""
    rows = summary().assign(contention_s=1.0, contention_s_half_width=0.25, instrument_s=[float("nan"), 0.5])
    table = wording.attribution_table(rows)
    assert set(table["Contention"]) == {"+1.00 ± 0.250"}
    assert set(table["Serving path"]) == {"missing"}
    assert list(table["Instrument"]) == ["–", "0.500"]


def test_a_quantile_of_too_few_requests_is_a_dash():
    """It is not missing: nobody could know it."""
    row = ("echo", "one", 8, 1, 1.0, 1.0, float("nan"), float("nan"), 2.0, 30, "")
    table = wording.quantile_table(pd.DataFrame([row], columns=RESPONSE_TIMES_COLUMNS))
    assert table[["p90", "p95", "p99"]].to_numpy().tolist() == [["1.00", "–", "–"]]


def test_quantiles_name_the_system_where_there_are_several():
    """Two systems' rows would be the same otherwise."""
    row = ("echo", "one", 8, 1, "sent → arrived", 1.0, 1.0, 1.0, 1.0, 2.0, 1250, "")
    one = pd.DataFrame([row], columns=STAGES_COLUMNS)
    assert "System" not in wording.quantile_table(one)
    both = wording.quantile_table(pd.concat([one, one.assign(system="two")]))
    assert list(both.columns[:3]) == ["Recipe", "System", "Batch Size"]
    assert list(both["System"]) == ["one", "two"]
    assert list(both["Requests"]) == ["1,250", "1,250"]


def test_a_bar_in_a_name_does_not_end_its_cell():
    """A file system takes it."""
    table = wording.markdown(pd.DataFrame({"Recipe": ["a|b"], "Batch Size": ["1"]}))
    assert r"| a\|b " in table
