"""Imports Locust without its patches of the standard library, which other tests in this process rely on."""

import pytest

with pytest.MonkeyPatch.context() as patched:  # and not longer: a Locust that a test starts needs its patches
    patched.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
    import locust  # noqa: F401
