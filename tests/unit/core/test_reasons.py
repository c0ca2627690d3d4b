"""The reason is what the failing program says, not what others print when it ends."""

import pytest

from servecost.core.reasons import reason_in

RAISED = """Traceback (most recent call last):
  File "predictor.py", line 3, in <module>
    raise RuntimeError("weights.bin has another version than the code")
RuntimeError: weights.bin has another version than the code
"""
WARNING = "resource_tracker: There appear to be 1 leaked semaphore objects to clean up at shutdown\n"
AT_EXIT = """Error in atexit._run_exitfuncs:
Traceback (most recent call last):
  File "own.py", line 1, in <module>
OSError: at the end
"""
IGNORED = "Exception ignored in: <function x at 0x7f>\n" + RAISED.replace("Runtime", "Value")
CHAINED = "Traceback (most recent call last):\n  File 'a'\nKeyError: 'a'\n\nDuring handling of the above:\n\n"


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        (RAISED, "RuntimeError: weights.bin has another version than the code"),
        (RAISED + WARNING, "RuntimeError: weights.bin has another version than the code"),
        (RAISED + AT_EXIT, "RuntimeError: weights.bin has another version than the code"),
        (RAISED + IGNORED, "RuntimeError: weights.bin has another version than the code"),
        (CHAINED + RAISED, "RuntimeError: weights.bin has another version than the code"),
        ("loading\nerror: mine: the predictor returned a str\n" + WARNING, "error: mine: the predictor returned a str"),
        ("loading\n" + WARNING + "\n", WARNING.strip()),
        ("", "it printed nothing"),
        ("\n \n", "it printed nothing"),
    ],
)
def test_the_reason_is_the_programs_own_error(printed: str, reason: str):
    """A marked line, an error that was raised, or the last line."""
    assert reason in reason_in(printed)
