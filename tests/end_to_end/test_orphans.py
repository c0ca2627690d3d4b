"""What the other tests rely on when they say that no process is left: one that is, is found, and nobody else's is."""

import os
import subprocess
import sys

import pytest

from tests.orphans import MARK, no_orphans

SLEEPER = "import sys, time; time.sleep(float(sys.argv[1]))"
# Starts a sleeper in a session of its own, and ends.
FORGETFUL = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}, *sys.argv[1:]])"


def leave_behind(seconds: float) -> None:
    subprocess.run([sys.executable, "-c", FORGETFUL, str(seconds)], start_new_session=True, check=True)


def test_a_process_that_is_left_behind_is_found():
    """Though its parent has ended, and its session is its own."""
    with pytest.raises(AssertionError, match=r"still running: \[.*time\.sleep.* 3\.125'\]"), no_orphans(within_s=0.3):
        leave_behind(3.125)


def test_a_process_that_ends_in_time_is_none():
    """It has the keeper's grace."""
    with no_orphans(within_s=15):
        leave_behind(0.5)


def test_the_servers_of_others_are_none():
    """Neither one that ran before, nor one that is started meanwhile, from another checkout say."""
    env = {name: value for name, value in os.environ.items() if name != MARK}
    command = [sys.executable, "-c", SLEEPER, "60", "fastdeploy", "--loop"]
    others = [subprocess.Popen(command, env=env)]
    try:
        with no_orphans(within_s=0):
            others.append(subprocess.Popen(command, env=env))
        assert [other.poll() for other in others] == [None, None]
    finally:
        for other in others:
            other.kill()
            other.wait()
