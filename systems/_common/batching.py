"""The settings of a system's batching, alike for all systems that let one set them.

Owns their names and values, so that the rows of several systems can be compared. Whether a system counts requests or
examples is its own matter; its README says which.
"""

from __future__ import annotations

from servecost.core.system import Variant

OFF = {"MAX_BATCH_SIZE": "1", "BATCH_WINDOW_MS": "0"}
# A call of at most 32, for which the first waits 5 ms at most.
BATCH = {"batch": Variant("batching", {"MAX_BATCH_SIZE": "32", "BATCH_WINDOW_MS": "5"})}
