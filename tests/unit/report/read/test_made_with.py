"""What runs were made with, as their manifests say."""

import pytest

from servecost.report.read.made_with import NO_QUOTA, MadeWith, Stack, merged_by_day, stacks_of
from tests.unit.report.sample import STACK, made_with

A, B = {"python": "3.11.7", "a": "1"}, {"python": "3.12.1", "b": "2"}


def test_a_manifests_fields_are_read_by_their_names():
    """Fields that no report needs are left out."""
    one = made_with({("echo", "one"): STACK})
    manifest = {
        "written_at": one.written_at,
        "schema_version": one.schema_version,
        "commit": one.commit,
        "conditions": one.conditions,
        "verdict": {},
    }
    assert MadeWith.of(manifest) == one
    assert one.machine == ("P", 2, 4, "Linux 6", NO_QUOTA)
    assert one.environment == {"OMP_NUM_THREADS": "2"}
    assert one.load_versions["locust"] == "2.47.0"
    del manifest["commit"]
    with pytest.raises(KeyError):
        MadeWith.of(manifest)


def test_a_stack_is_what_is_required_of_all_that_is_recorded():
    """By the names that requirements write; a manifest of before that was recorded has no others."""
    one = made_with({("echo", "one"): {"python": "3.11.7", "pyyaml": "6.0", "starlette": "1.0"}})
    one.conditions["stacks"]["echo"]["one"]["required"] = ["PyYAML", "absent"]
    assert stacks_of([one]) == [Stack("echo", "one", {"python": "3.11.7", "PyYAML": "6.0"})]


def test_a_recipe_has_a_stack_under_each_system():
    """Of runs that were merged although their versions differ, the last."""
    both = made_with({("echo", "one"): A, ("echo", "two"): B})
    assert list(both.stacks()) == [Stack("echo", "one", A), Stack("echo", "two", B)]
    newer = made_with({("echo", "two"): {**B, "b": "3"}})
    assert stacks_of([both, newer]) == [Stack("echo", "one", A), Stack("echo", "two", {**B, "b": "3"})]


def test_runs_of_one_day_are_merged():
    """Not those of another day, nor those with other conditions."""
    early, late, next_day = (
        made_with({("echo", "one"): A}, at)
        for at in ("2026-01-02T03:00:00", "2026-01-02T04:00:00", "2026-01-03T01:00:00")
    )
    other = made_with({("echo", "one"): B}, "2026-01-02T05:00:00")
    assert merged_by_day([next_day, early, other, late]) == [late, other, next_day]
