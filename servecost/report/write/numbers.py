"""Numbers as words: three significant digits, a sign, an interval.

Owns the rounding. A number that is not there is ``missing``, never 0.
"""

from collections.abc import Callable

import pandas as pd

MISSING = "missing"
LEAST = 0.001  # a smaller number is shown as smaller than this


def number(value: float) -> str:
    """Return a number with three significant digits and no exponent; ``missing`` for NaN."""
    if pd.isna(value):
        return MISSING
    if value and abs(value) < LEAST:
        return "< 0.001" if value > 0 else "> −0.001"
    decimals = next((places for places, limit in enumerate((100, 10, 1)) if abs(value) >= limit), 3)
    return f"{value:.{decimals}f}".replace("-", "−")


def signed(value: float) -> str:
    """Return a number like ``number``, with its sign."""
    return f"+{number(value)}" if value >= LEAST else number(value)


def with_interval(value: float, half_width: float, in_words: Callable[[float], str] = number) -> str:
    """Return a mean with half the width of its interval, if there is one."""
    mean = in_words(value)
    return mean if pd.isna(half_width) or pd.isna(value) else f"{mean} ± {number(half_width)}"


def percent(part: float, digits: int = 1) -> str:
    """Return a part of a whole as a percentage: ``1.2 %`` for 0.012."""
    return f"{100 * part:.{digits}f} %".replace("-", "−")


def signed_percent(part: float) -> str:
    """Return a part of a whole as a percentage with its sign."""
    return f"+{percent(part)}" if part > 0 else percent(part)
