"""The caption: a reader who sees only the table is not misled."""

from dataclasses import replace

import pandas as pd
import pytest

from servecost.report.computed import Computed
from servecost.report.read.tables import Asked, Results, Setting
from servecost.report.write.caption import caption, idleness, wall
from tests.unit.report import sample
from tests.unit.report.sample import LABEL, MACHINE, MADE_WITH, SYSTEM, made_with, results, same

PLAN = results().plan


def lines_of(found: Results, has_intervals: bool = True) -> list[str]:
    return caption(Computed(found), has_intervals).splitlines()


def stack_lines(plan: pd.DataFrame, stacks: dict[tuple[str, str], dict[str, str]]) -> list[str]:
    found = [made_with({key: versions}) for key, versions in stacks.items()]
    lines = lines_of(replace(results(), plan=plan, made_with=found))
    return [line for line in lines if line.startswith("Stack")]


def test_the_caption_names_unit_rounds_machine_versions_day_and_commit():
    """And how the arms took turns, what the intervals are made of, and the machine's resolution: a line each."""
    lines = lines_of(replace(results(), pooled=["machine.host"]))
    assert lines[0].startswith("Seconds per 10,000 examples; ")
    assert lines[0].endswith("**Scaled**: every run had 1,000 examples.")
    assert lines[1:] == [
        "Each row is the mean of 2 rounds, 2,000 examples in each arm, ± half the width of its 95 % interval; "
        "difference and ratio are one estimate, from pairs.",
        "The resolution of this machine on that day: echo's baseline against itself, at batch size 8, gave "
        "+0.5 % ± 19.1 %.",
        "The arms of a pair took turns, in slices of 1.00 s on average: one was stopped while the other ran. They came "
        "to their end 0.20 s apart (median).",
        "**Merged although these differ**: machine.host.",
        "Machine: P, 2 cores, 4 GiB, Linux 6; client and server share it.",
        "Load: locust 2.47.0, python 3.11.7.",
        "Stack of echo: python 3.7.16, fastdeploy 3.1.1, tensorflow 1.14.0.",
        "Measured on 2026-01-02, at commit abc.",
    ]


def test_a_caption_says_plus_or_minus_only_where_the_table_does():
    """Not of a table without intervals, and not of one round, which has none."""
    first = results(served=[], baseline=[])
    one_round = replace(results(), plan=PLAN[PLAN["round"] == 1], same=same((1, 1.0, 1.01)))
    for lines in (lines_of(replace(results(), same=same((1, 1.0, 1.01))), has_intervals=False), lines_of(one_round)):
        assert not [line for line in lines if "±" in line]
    assert "Each row is of one round, 1,000 examples in each arm; " in lines_of(one_round)[1]
    assert lines_of(one_round)[1].endswith(" There is no interval.")
    assert lines_of(first)[1].endswith(" There is no interval.")


def test_each_machine_and_commit_is_named():
    """Where runs of several were merged; once, whichever has more of them."""
    other = {**MADE_WITH.conditions, "machine": {**MACHINE, "system": "Linux 7"}}
    merged = [MADE_WITH, replace(MADE_WITH, commit="def", conditions=other), MADE_WITH]
    *_, first, second, load, _, last = lines_of(replace(results(), made_with=merged))
    assert first == "Machine: P, 2 cores, 4 GiB, Linux 6; client and server share it."
    assert second == "Machine: P, 2 cores, 4 GiB, Linux 7; client and server share it."
    assert load.startswith("Load: ")
    assert last == "Measured on 2026-01-02, at commits abc, def."


def test_s13_a_quota_is_in_the_caption():
    """Two cores for six tenths of the time are no two cores."""
    machine = {**MACHINE, "cpu_quota": 0.6}
    found = replace(MADE_WITH, conditions={**MADE_WITH.conditions, "machine": machine})
    (line,) = [each for each in lines_of(replace(results(), made_with=[found])) if each.startswith("Machine")]
    assert line.startswith("Machine: P, 2 cores (a quota of 0.6 of them), 4 GiB")


def test_rows_of_few_rounds_are_counted():
    """Where the system chose something else, and where cells have other numbers of rounds."""
    assert "of one round, 1,000 examples" in lines_of(results(choices=(64, 32)))[1]
    fewer = replace(results(), plan=PLAN.drop(index=3))
    assert "the mean of 1 to 2 rounds, 1,000 to 2,000 examples" in lines_of(fewer)[1]


def test_what_has_not_been_made_yet_is_said(monkeypatch):
    """And a row is the mean of what there is."""
    numbers = range(1, 7)
    monkeypatch.setattr(sample, "PLAN", [(number, *row[1:]) for number in numbers for row in sample.PLAN[:2]])
    served = [(number, 8, users, 3.0) for number in numbers for users in (1, 4) if number < 5 or users == 1]
    lines = lines_of(results(served=served, baseline=[(number, 8, 1.0) for number in numbers], choices=[64] * 6))
    assert "the mean of 4 to 6 rounds, 4,000 to 6,000 examples" in lines[1]
    assert lines[2] == "**Not all of it has been made yet**: 10 of 12 pairs."


def test_the_hosts_of_several_are_said():
    """With how many pairs each has made, and whether they agree."""
    found = results()
    of_two = replace(found, served=found.served.assign(host=["a/1", "a/1", "b/2", "b/2"]))
    said = (
        "Pairs of 2 hosts: a/1 2, b/2 2. Of 0 rows with pairs enough to tell, the ratio differs between hosts in none."
    )
    assert lines_of(of_two)[2] == said
    assert not any("hosts" in line for line in lines_of(replace(found, served=found.served.assign(host="a/1"))))


def test_what_was_not_measured_is_said():
    """Of results that were published before it was."""
    found = results()
    lines = lines_of(replace(found, slices=found.slices[:0], same=found.same[:0], cold=found.cold[:0]))
    assert lines[2:5] == [
        "The baseline was not compared with itself, so the machine's resolution on that day is not known.",
        "The arms were timed one after the other, each in one piece.",
        "What a process pays at its first call of a size was not measured.",
    ]
    undivided = replace(found, slices=found.slices.assign(baseline_slices=1, served_slices=1))
    assert "The arms of a pair were timed one right after the other, each in one piece." in lines_of(undivided)


@pytest.mark.parametrize(
    ("rounds", "said"),
    [
        (1, "the mean of 3 pairs of one round (what a restart changes is not in the interval), 3,000 examples"),
        (2, "the mean of 2 rounds, each of 3 pairs, 6,000 examples"),
    ],
)
def test_several_pairs_in_a_round_are_said(rounds, said):
    """Of one round, they are what the interval is made of."""
    found = results()
    of_rounds = {name: getattr(found, name) for name in ("plan", "baseline", "served")}
    several = {
        name: pd.concat([table[table["round"] <= rounds].assign(pair=pair) for pair in (1, 2, 3)])
        for name, table in of_rounds.items()
    }
    assert said in lines_of(replace(found, **several))[1]


@pytest.mark.parametrize(("rounds", "is_odd"), [(1, False), (2, False), (3, True)])
def test_an_odd_number_of_rounds_is_said(rounds, is_odd, monkeypatch):
    """One arm has begun more often; a single round is no number of rounds to balance."""
    numbers = range(1, rounds + 1)
    monkeypatch.setattr(sample, "PLAN", [(number, *row[1:]) for number in numbers for row in sample.PLAN[:2]])
    served = [(number, 8, users, 3.0) for number in numbers for users in (1, 4)]
    found = results(served=served, baseline=[(number, 8, 1.0) for number in numbers], choices=[64] * rounds)
    said = "An odd number of rounds: one arm began more often than the other."
    assert (said in "\n".join(lines_of(found))) == is_odd


def test_what_the_experiment_fixed_is_said():
    """A choice that a system did not make for itself is no finding about it."""
    settings = (Setting(SYSTEM, "", "SIZE", "8"), Setting(SYSTEM, "echo", "SIZE", "16"))
    lines = lines_of(replace(results(), asked=Asked(settings=settings)))
    expected = "Fixed by the experiment, not chosen by the system at its start: SIZE = 8; SIZE = 16 for echo."
    assert expected in lines
    assert not [line for line in lines_of(results()) if line.startswith("Fixed")]


def test_a_choice_that_was_held_is_said():
    """Not if the experiment fixed it, nor if each start chose anew."""
    said = (
        "Chosen at its first start, and held for the whole experiment: optimal_batch_size 64 for echo under fastDeploy."
    )
    assert said in lines_of(replace(results(), asked=Asked(holds_choices=True)))
    fixed = Asked(holds_choices=True, settings=(Setting(SYSTEM, "", "OPTIMAL_BATCH_SIZE", "64"),))
    for lines in (lines_of(results()), lines_of(replace(results(), asked=fixed))):
        assert not [line for line in lines if line.startswith("Chosen")]


def test_recipes_and_cells_with_other_numbers_of_examples_are_named():
    """And nothing is said of scaling where nothing was scaled."""
    found = results()
    two = replace(found, plan=pd.concat([PLAN, PLAN.assign(recipe="other", examples=20)], ignore_index=True))
    assert "**Scaled**: the runs had 1,000 (echo) and 20 (other) examples." in lines_of(two)[0]
    more = replace(found, plan=PLAN.assign(examples=PLAN["examples"].where(PLAN["concurrency"] == 1, 3000)))
    said = "every run had 1,000 examples. Cells that need more requests ran more examples: 3,000 (echo, 8 × 4)."
    assert said in lines_of(more)[0]
    assert "Scaled" not in lines_of(replace(found, plan=PLAN.assign(examples=10_000)))[0]


def test_a_stack_names_python_the_systems_packages_and_the_model_libraries():
    """In this order, whatever the order in the manifest; nothing that is not there, and no other package."""
    versions = {"numpy": "2.4.6", "torch": "2.13.0+cpu", "keras": "3.0", "fastdeploy": "3.1.1", "python": "3.11.7"}
    assert stack_lines(PLAN, {("echo", SYSTEM): versions}) == [
        "Stack of echo: python 3.11.7, fastdeploy 3.1.1, keras 3.0, torch 2.13.0+cpu."
    ]


def test_stacks_of_two_systems_are_told_apart_by_their_labels():
    """Each names what its own system requires; one that requires nothing, or is not at hand, names no package."""
    plan = pd.concat([PLAN, PLAN.assign(system="mine", system_label="My system")], ignore_index=True)
    versions = {"python": "3.11.7", "fastdeploy": "3.1.1", "torch": "2.13.0"}
    assert stack_lines(plan, {("echo", SYSTEM): versions, ("echo", "mine"): versions}) == [
        f"Stack of echo under {LABEL}: python 3.11.7, fastdeploy 3.1.1, torch 2.13.0.",
        "Stack of echo under My system: python 3.11.7, torch 2.13.0.",
    ]


def test_the_published_stacks_are_named(published: Computed):
    """As they were measured."""
    assert [line for line in caption(published).splitlines() if line.startswith("Stack")] == [
        "Stack of deepsegment_en: python 3.7.16, fastdeploy 3.1.1, tensorflow 1.14.0, keras 2.2.4, deepsegment 2.3.1.",
        "Stack of efficientnet_b2: python 3.11.7, fastdeploy 3.1.1, torch 2.13.0+cpu.",
    ]


def test_what_arms_use_at_rest_is_said():
    """It is measured, not assumed."""
    assert idleness(results().idle) == (
        "While it was stopped, 4.0 s in all, the baseline process used 0.00 s of CPU and kept up to 1,024 MiB. "
        "While it was stopped, 10.0 s in all, the server with its client used 0.02 s of CPU."
    )
    assert "not known" in idleness(results().idle[:0])


def test_how_much_of_the_time_was_timed_is_said():
    """The harness hides nothing that it takes."""
    assert wall(results().wall) == "The runs took 25 s in all, of which 20 s were timed (1.25 ×)."
    assert "not known" in wall(pd.DataFrame())
    assert wall(results().wall.assign(timed_s=0.0)) == "The runs took 25 s in all, of which 0 s were timed."
