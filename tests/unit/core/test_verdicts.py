"""Every rule has a remedy, and no number is called invalid for a reason that is no rule."""

import ast
from collections.abc import Iterator

import pytest

from servecost.core.recipe import ROOT
from servecost.core.verdicts import IDLE_CPU_MAX, RULES, VALID, Verdict


def named_rules() -> Iterator[tuple[str, str]]:
    """Yield each rule that the package names where it makes a verdict, with the file."""
    for path in sorted((ROOT / "servecost").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Verdict" and node.args:
                rule = node.args[0]
                if isinstance(rule, ast.Constant) and rule.value:
                    yield str(rule.value), path.name


def test_every_rule_that_code_names_is_a_rule():
    """A verdict of another name has no remedy to show."""
    named = list(named_rules())
    assert len(named) > 10
    assert [(rule, path) for rule, path in named if rule not in RULES] == []


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_says_what_it_demands_and_what_to_do(rule):
    """Both are phrases within a sentence, so neither ends it."""
    assert rule.demand
    assert rule.remedy
    assert not (rule.demand + rule.remedy).endswith(".")


def test_rules_on_slices_and_warmth_are_there():
    """Both arms are warm, rest while the other runs, and are of one sitting."""
    assert {"warm", "pair", "not-idle", "littles-law", "noise"} <= RULES.keys()
    assert "server-not-idle" not in RULES
    assert f"{IDLE_CPU_MAX:.0%} of a core" in RULES["not-idle"].demand


def test_a_verdict_in_print_has_its_rule_its_reason_and_the_remedy():
    """One line is enough to know what to do."""
    verdict = Verdict("disk", "12 MiB were left")
    assert (verdict.is_valid, verdict.word) == (False, "INVALID(disk)")
    assert str(verdict) == f"INVALID(disk): 12 MiB were left. Remedy: {RULES['disk'].remedy}"
    assert (VALID.is_valid, str(VALID), VALID.remedy) == (True, "VALID", "")


@pytest.mark.parametrize(("rule", "is_lasting"), [("", True), ("concurrency", True), ("memory", False)])
def test_a_verdict_lasts_if_another_run_would_end_alike(rule: str, is_lasting: bool):
    """Such a run is not made again."""
    assert Verdict(rule).is_lasting is is_lasting
