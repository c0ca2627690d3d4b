"""The caption: a reader who sees only the table is not misled."""

import pandas as pd

from servecost.core.recipe import ROOT
from servecost.report.read import results as read
from servecost.report.write.caption import caption, idleness, wall
from tests.unit.report.sample import LABEL, MADE_WITH, SYSTEM, made_with, results

PLAN = results().plan


def stack_lines(plan: pd.DataFrame, stacks: dict[tuple[str, str], dict[str, str]]) -> list[str]:
    lines = caption(plan, [made_with({key: versions}) for key, versions in stacks.items()]).splitlines()
    return [line for line in lines if line.startswith("Stack")]


def test_the_caption_names_unit_rounds_machine_versions_day_and_commit():
    """A line each."""
    lines = caption(PLAN, [MADE_WITH], ["machine.host"]).splitlines()
    assert lines[0].startswith("Seconds per 10,000 examples; ")
    assert lines[0].endswith("**Scaled**: every run had 1,000 examples.")
    assert lines[1].startswith("Mean of 2 rounds ± half")
    assert lines[2:] == [
        "**Merged although these differ**: machine.host.",
        "Machine: P, 2 cores, 4 GiB, Linux 6; client and server share it.",
        "Load: locust 2.47.0, python 3.11.7.",
        "Stack of echo: python 3.7.16, fastdeploy 3.1.1, tensorflow 1.14.0.",
        "Measured on 2026-01-02, at commit abc.",
    ]


def test_recipes_and_cells_with_other_numbers_of_examples_are_named():
    """And nothing is said of scaling where nothing was scaled."""
    two = pd.concat([PLAN, PLAN.assign(recipe="other", examples=20, baseline_examples=20)])
    assert "**Scaled**: the runs had 1,000 (echo) and 20 (other) examples." in caption(two, [MADE_WITH])
    more = PLAN.assign(examples=PLAN["examples"].where(PLAN["concurrency"] == 1, 3000))
    said = "every run had 1,000 examples. Cells with fewer requests than users ran more examples: 3,000 (echo, 8 × 4)."
    assert said in caption(more, [MADE_WITH])
    full = caption(PLAN[PLAN["round"] == 1].assign(examples=10_000, baseline_examples=10_000), [MADE_WITH])
    assert "Scaled" not in full
    assert "One round, so there is no interval." in full


def test_a_stack_names_python_the_systems_packages_and_the_model_libraries():
    """In this order, whatever the order in the manifest; nothing that is not there, and no other package."""
    versions = {"numpy": "2.4.6", "torch": "2.13.0+cpu", "keras": "3.0", "fastdeploy": "3.1.1", "python": "3.11.7"}
    assert stack_lines(PLAN, {("echo", SYSTEM): versions}) == [
        "Stack of echo: python 3.11.7, fastdeploy 3.1.1, keras 3.0, torch 2.13.0+cpu."
    ]


def test_stacks_of_two_systems_are_told_apart_by_their_labels():
    """Each names what its own system requires; one that requires nothing, or is not at hand, names no package."""
    plan = pd.concat([PLAN, PLAN.assign(system="mine", system_label="My system")])
    versions = {"python": "3.11.7", "fastdeploy": "3.1.1", "torch": "2.13.0"}
    assert stack_lines(plan, {("echo", SYSTEM): versions, ("echo", "mine"): versions}) == [
        f"Stack of echo under {LABEL}: python 3.11.7, fastdeploy 3.1.1, torch 2.13.0.",
        "Stack of echo under My system: python 3.11.7, torch 2.13.0.",
    ]


def test_the_published_stacks_are_named():
    """As they were measured."""
    found = read.read(ROOT / "docs" / "results" / "page")
    lines = caption(found.plan, found.made_with).splitlines()
    assert [line for line in lines if line.startswith("Stack")] == [
        "Stack of deepsegment_en: python 3.7.16, fastdeploy 3.1.1, tensorflow 1.14.0, keras 2.2.4, deepsegment 2.3.1.",
        "Stack of efficientnet_b2: python 3.11.7, fastdeploy 3.1.1, torch 2.13.0+cpu.",
    ]


def test_the_cpu_time_of_idle_servers_is_said():
    """It is measured, not assumed."""
    assert idleness(results().idle).endswith("10.0 s in all, the servers used 0.02 s of CPU.")
    assert "not known" in idleness(pd.DataFrame())


def test_how_much_of_the_time_was_timed_is_said():
    """The harness hides nothing that it takes."""
    assert wall(results().wall) == "The runs took 25 s in all, of which 20 s were timed (1.25 ×)."
    assert "not known" in wall(pd.DataFrame())
    assert wall(results().wall.assign(timed_s=0.0)) == "The runs took 25 s in all, of which 0 s were timed."
