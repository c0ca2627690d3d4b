"""What the tests of whole commands share."""

import signal
import subprocess

import pytest
from click.testing import CliRunner

from servecost.cli import main
from tests.support import Command


@pytest.fixture(scope="session")
def invoke() -> Command:
    """Run a verb of ``servecost`` in this process, which spares the two seconds in which a process imports it."""

    def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
        words, handler = [str(word) for word in arguments], signal.getsignal(signal.SIGTERM)
        try:
            done = CliRunner().invoke(main, words)
        finally:
            signal.signal(signal.SIGTERM, handler)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)

    return run
