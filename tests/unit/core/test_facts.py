"""What a system says of itself: choices and measured times."""

from servecost.core import facts


def test_a_time_is_no_choice():
    assert [facts.is_choice(name) for name in ("optimal_batch_size", "time_per_example_s")] == [True, False]


def test_facts_are_put_as_names_with_their_values():
    assert facts.in_words({"optimal_batch_size": 8.0, "time_per_example_s": 0.0123}) == (
        "optimal_batch_size 8, time_per_example_s 0.0123"
    )
    assert facts.in_words({}) == ""
