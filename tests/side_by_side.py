"""Which tests run in the same process when several processes run the suite side by side.

Owns the list of test files whose tests share something that takes seconds to set up: a server, an environment, a model.
Each of these files is given to one process as a whole; any other test goes to whichever process is free.
"""

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling

SHARING = (
    "test_connection.py",
    "test_damage.py",
    "test_distributed.py",
    "test_load.py",
    "test_recipes.py",
    "test_stack.py",
    "test_web.py",
)


class FilesThatShare(LoadScopeScheduling):
    """Keeps the tests of a file together if they share something."""

    def _split_scope(self, nodeid: str) -> str:
        path, _, _ = nodeid.partition("::")
        return path if PurePosixPath(path).name in SHARING else nodeid
