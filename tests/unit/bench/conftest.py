"""What the bench's tests share besides their fakes."""

import pytest

from servecost.bench import conditions
from servecost.core import packages
from tests.unit.bench.fakes import FakeInstalled


@pytest.fixture(autouse=True)
def _commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer in place of git which commit the code is at."""
    monkeypatch.setattr(conditions, "commit", lambda: "abc")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> FakeInstalled:
    """Answer in place of interpreters which packages they have."""
    fake = FakeInstalled()
    monkeypatch.setattr(packages, "installed", fake)
    return fake
