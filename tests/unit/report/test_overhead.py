"""Served minus baseline, paired within a round, per 10,000 examples."""

import math

import pandas as pd
import pytest

from servecost.core.layout import PLAN_COLUMNS
from servecost.core.verdicts import RULES
from servecost.report import overhead
from servecost.report.read import tables
from servecost.report.read.runs import total_of
from servecost.report.read.tables import Results
from servecost.report.write import plots, wording

PLAN = [
    (1, "echo", "fastdeploy", "fastDeploy", 8, 1, 1000, 1000, 2, 1),
    (1, "echo", "fastdeploy", "fastDeploy", 8, 4, 1000, 1000, 3, 1),
    (2, "echo", "fastdeploy", "fastDeploy", 8, 1, 1000, 1000, 4, 6),
    (2, "echo", "fastdeploy", "fastDeploy", 8, 4, 1000, 1000, 5, 6),
]
SERVED = [(1, 8, 1, 3.0), (1, 8, 4, 1.5), (2, 8, 1, 5.0), (2, 8, 4, 2.5)]
BASELINE = [(1, 8, 1.0), (2, 8, 2.0)]
MANIFEST = {
    "conditions": {
        "machine": {"processor": "P", "cores": 2, "memory_gib": 4, "system": "Linux 6"},
        "versions": {"python": "3.11.7", "locust": "2.47.0"},
        "environment": {"OMP_NUM_THREADS": "2"},
        "recipes": {"echo": {"stack": {"python": "3.7.16", "fastdeploy": "3.1.1", "tensorflow": "1.14.0"}}},
    },
    "written_at": "2026-01-02T03:04:05+00:00",
    "commit": "abc",
}


KEY = ["round", "batch_size", "concurrency"]


def results(served=SERVED, baseline=BASELINE, rule="missing") -> Results:
    """Return results in which what is not given has broken a rule."""
    plan = pd.DataFrame(PLAN, columns=list(PLAN_COLUMNS))
    given = pd.DataFrame(served, columns=[*KEY, "total_s"])
    runs = plan[[*KEY, "recipe", "system", "examples"]].merge(given, how="left", on=KEY)
    direct = pd.DataFrame(baseline, columns=["round", "batch_size", "total_s"])
    direct = pd.DataFrame({"round": [1, 2], "batch_size": 8}).merge(direct, how="left", on=["round", "batch_size"])
    return Results(
        plan=plan,
        baseline=with_verdicts(direct, rule).assign(recipe="echo", system="fastdeploy", examples=1000),
        served=with_verdicts(runs, rule).assign(requests=125, busy_s=math.nan, **dict.fromkeys(tables.NOTED, math.nan)),
        calls=pd.DataFrame(columns=tables.RUN_CALLS_COLUMNS),
        direct_calls=pd.DataFrame(columns=tables.DIRECT_CALLS_COLUMNS),
        response_times=pd.DataFrame(columns=tables.RESPONSE_TIMES_COLUMNS),
        stages=pd.DataFrame(columns=tables.STAGES_COLUMNS),
        instrument=pd.DataFrame(
            {"recipe": "echo", "batch_size": 8, "concurrency": [1, 4], "request_s": [0.001, 0.0005]}
        ),
        wall=pd.DataFrame({"step": ["a", "b"], "wall_s": [20.0, 5.0], "timed_s": [20.0, 0.0]}),
        idle=pd.DataFrame({"batch_size": [8], "elapsed_s": [10.0], "server_cpu_s": [0.02]}),
        withdrawn=pd.DataFrame(columns=tables.WITHDRAWN_COLUMNS),
        manifests=[MANIFEST],
        pooled=[],
    )


def with_verdicts(runs: pd.DataFrame, rule: str) -> pd.DataFrame:
    return runs.assign(rule=["" if total_s > 0 else rule for total_s in runs["total_s"]], reason="why")


def row(summary: pd.DataFrame, concurrency: int) -> pd.Series:
    return summary[summary["concurrency"] == concurrency].iloc[0]


def test_overhead_is_scaled_and_paired_within_the_round():
    """1,000 examples stand for a tenth of 10,000; each round's served run has its own round's baseline."""
    pairs = overhead.pairs(results())
    assert list(pairs["overhead_s"]) == [20.0, 5.0, 30.0, 5.0]
    assert list(pairs["overhead_per_request_ms"]) == [16.0, 4.0, 24.0, 4.0]


def test_a_summary_is_the_mean_over_rounds():
    """Of both arms, and of their difference."""
    one = row(overhead.summary(overhead.pairs(results())), 1)
    assert (one.baseline_s, one.served_s, one.overhead_s) == (15.0, 40.0, 25.0)
    assert one.ratio == pytest.approx((30 / 10 + 50 / 20) / 2)
    assert one.instrument_s == pytest.approx(1.25)
    assert (one.rounds, one.rounds_planned) == (2, 2)


def test_a_run_that_is_missing_everywhere_prints_as_missing():
    """Never 0, and never left out."""
    table = wording.published_table(overhead.summary(overhead.pairs(results(served=[SERVED[0], SERVED[2]]))))
    assert list(table["fastDeploy"]) == ["40.0 ± 127", "missing"]
    assert list(table["Overhead"]) == ["+25.0 ± 63.5 (2.75 ×)", "missing"]
    assert list(table["Baseline"]) == ["15.0 ± 63.5", "15.0 ± 63.5"]


def test_a_run_that_broke_a_rule_prints_as_such():
    """With the rule in the table, and the reason and the remedy below it."""
    summary = overhead.summary(overhead.pairs(results(served=[SERVED[0], SERVED[2]], rule="client-cpu")))
    assert list(wording.published_table(summary)["Overhead"])[1] == "INVALID(client-cpu)"
    told = wording.verdicts(summary)
    assert "1 of 2 rows are not valid" in told
    assert f"- echo, 8 × 4: INVALID(client-cpu): round 1: why. Remedy: {RULES['client-cpu'].remedy}." in told


@pytest.mark.parametrize(("slow", "rule"), [(5.0, ""), (6.5, "spread")])
def test_rounds_that_differ_too_much_make_a_row_invalid(slow, rule):
    """More than twice as long is not the same machine any more; the numbers are still there to look at."""
    summary = overhead.summary(overhead.pairs(results(served=[(1, 8, 1, 3.0), (2, 8, 1, slow), *SERVED[1::2]])))
    assert list(summary["rule"]) == [rule, ""]
    assert ("INVALID(spread)" in wording.published_table(summary)["Overhead"][0]) == bool(rule)


def test_the_interval_is_students():
    """Over rounds; with one there is none."""
    assert overhead.half_width(pd.Series([1.0, 2.0, 3.0])) == pytest.approx(2.484, abs=1e-3)  # t(0.975, 2) / sqrt(3)
    assert math.isnan(overhead.half_width(pd.Series([1.0])))
    assert math.isnan(overhead.half_width(pd.Series([1.0, math.nan])))


def test_a_baseline_that_is_missing_prints_as_missing_beside_what_was_served():
    """The overhead needs both arms."""
    table = wording.published_table(overhead.summary(overhead.pairs(results(baseline=[]))))
    assert set(table["Baseline"]) == set(table["Overhead"]) == {"missing"}
    assert list(table["fastDeploy"]) == ["40.0 ± 127", "20.0 ± 63.5"]


def test_a_mean_of_fewer_rounds_than_planned_says_so():
    """And is of rounds that have both arms."""
    summary = overhead.summary(overhead.pairs(results(served=SERVED[:3])))
    assert list(wording.published_table(summary)["Overhead"]) == [
        "+25.0 ± 63.5 (2.75 ×)",
        "+5.00 (1.50 ×) (1 of 2 rounds)",
    ]


def test_results_without_any_run_make_a_table_of_missing():
    """An experiment that was interrupted before its first run has a report, too."""
    summary = overhead.summary(overhead.pairs(results([], [])))
    assert set(wording.published_table(summary)["Overhead"]) == {"missing"}
    plots.overhead_per_request(summary)
    plots.served_against_baseline(summary)
    plots.where_the_seconds_go(summary)


def test_the_columns_of_the_published_table_never_change():
    """It is the page's table."""
    table = wording.published_table(overhead.summary(overhead.pairs(results())))
    assert list(table.columns) == ["Recipe", "Batch Size", "Baseline", "Req Concurrency", "fastDeploy", "Overhead"]
    header = " ".join(wording.markdown(table).splitlines()[0].split())
    assert header == "| Recipe | Batch Size | Baseline | Req Concurrency | fastDeploy | Overhead |"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1234.5, "1234"),
        (123.4, "123"),
        (12.34, "12.3"),
        (1.234, "1.23"),
        (0.1234, "0.123"),
        (0.0001, "< 0.001"),
        (-0.0001, "> −0.001"),
        (-12.34, "−12.3"),
        (0.0, "0.000"),
        (math.nan, "missing"),
    ],
)
def test_numbers_have_three_digits_and_no_exponent(value, said):
    """And NaN has a word."""
    assert wording.number(value) == said


@pytest.mark.parametrize(("value", "said"), [(1.0, "+1.00"), (-1.0, "−1.00"), (0.0, "0.000"), (math.nan, "missing")])
def test_an_overhead_has_a_sign(value, said):
    """It may well be negative."""
    assert wording.signed(value) == said


def test_the_caption_says_what_was_scaled_and_what_it_ran_on():
    """A reader who sees only the table is not misled."""
    plan = results().plan
    caption = wording.caption(plan, [MANIFEST])
    for part in ("Seconds per 10,000 examples", "**Scaled**: every run had 1,000 examples", "Mean of 2 rounds ± half"):
        assert part in caption
    assert "P, 2 cores" in caption
    assert "Load: locust 2.47.0, python 3.11.7." in caption
    assert "Stack of echo: python 3.7.16, fastdeploy 3.1.1, tensorflow 1.14.0." in caption
    assert "2026-01-02, at commit abc" in caption
    two = pd.concat([plan, plan.assign(recipe="other", examples=20, baseline_examples=20)])
    assert "**Scaled**: the runs had 1,000 (echo) and 20 (other) examples" in wording.caption(two, [MANIFEST])
    more = plan.assign(examples=plan["examples"].where(plan["concurrency"] == 1, 3000))
    told = "every run had 1,000 examples; those that needed more for a request per user: 3,000 (echo, 8 × 4)."
    assert told in wording.caption(more, [MANIFEST])
    full = wording.caption(plan[plan["round"] == 1].assign(examples=10_000, baseline_examples=10_000), [MANIFEST])
    assert "Scaled" not in full
    assert "One round, so there is no interval." in full


def test_what_the_servers_used_while_the_direct_arm_was_timed_is_said():
    """It is measured, not supposed."""
    assert wording.idleness(results().idle).endswith("10.0 s in all, the servers used 0.02 s of CPU.")
    assert "not known" in wording.idleness(pd.DataFrame())


def test_how_much_of_the_time_was_timed_is_said():
    """What the harness takes is no secret."""
    assert wording.wall(results().wall) == "The runs took 25 s in all, of which 20 s were timed (1.25 ×)."
    assert "not known" in wording.wall(pd.DataFrame())
    assert wording.wall(results().wall.assign(timed_s=0.0)) == "The runs took 25 s in all, of which 0 s were timed."


def test_the_overhead_per_request_is_a_table_of_concurrencies():
    """A row for each batch size."""
    table = wording.per_request_table(overhead.summary(overhead.pairs(results())))
    assert table.to_dict("list") == {
        "Recipe": ["echo"],
        "Batch Size": [8],
        "1 concurrent": ["+20.0"],
        "4 concurrent": ["+4.00"],
    }


def test_a_cell_that_nobody_asked_for_is_not_missing():
    """Recipes may have batch sizes and concurrencies of their own."""
    summary = overhead.summary(overhead.pairs(results()))
    other = summary[summary["concurrency"] == 4].assign(recipe="other", batch_size=64)
    table = wording.per_request_table(pd.concat([summary, other]))
    assert table.to_numpy().tolist() == [["echo", 8, "+20.0", "+4.00"], ["other", 64, "–", "+4.00"]]


STATS = pd.DataFrame(
    [
        ("POST", "echo batch_size=8", 125, 0, 11.0),
        ("RUN", "echo batch_size=8 users=4 examples=1000", 1, 0, 1500.0),
        (None, "Aggregated", 125, 0, 11.0),
    ],
    columns=["Type", "Name", "Request Count", "Failure Count", "Average Response Time"],
)


def planned():
    return next(results().plan[1:2].itertuples())


def test_a_served_run_is_read_from_locusts_own_csv():
    """Its total is the average response time of the one RUN."""
    run = total_of(STATS, planned())
    assert run == 1.5


@pytest.mark.parametrize(
    ("column", "place", "value"),
    [
        ("Failure Count", 0, 1),
        ("Request Count", 0, 124),
        ("Name", 1, "echo batch_size=8 users=4 examples=999"),
        ("Type", 1, "POST"),
    ],
)
def test_a_run_with_a_failure_or_a_wrong_count_is_no_run(column, place, value):
    """It is missing, not a number."""
    stats = STATS.copy()
    stats.loc[place, column] = value
    with pytest.raises(ValueError, match="the statistics"):
        total_of(stats, planned())


def test_plots_have_a_panel_for_each_recipe():
    """With its name above it."""
    summary = overhead.summary(overhead.pairs(results()))
    both = pd.concat([summary, summary.assign(recipe="other")])
    for figure in (
        plots.overhead_per_request(both),
        plots.served_against_baseline(both),
        plots.where_the_seconds_go(both),
    ):
        assert [axes.get_title() for axes in figure.axes] == ["echo", "other"]
