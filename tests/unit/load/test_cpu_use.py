"""CPU use of this process."""

from servecost.load import cpu_use
from servecost.load.cpu_use import CpuUse


def test_shares_are_per_second():
    """Half a core used, and a quarter of the time waited for one."""
    used = CpuUse(1_000_000_000, 500_000_000, 250_000_000)
    assert (used.cpu_share, used.wait_share) == (0.5, 0.25)


def test_no_time_is_no_use():
    """A worker without requests is done at once."""
    assert CpuUse(0, 0, 0).cpu_share == 0


def test_the_use_since_a_reading_is_the_difference():
    """Clocks do not run backwards."""
    before = cpu_use.read()
    used = cpu_use.read_since(before)
    assert used.elapsed_ns > 0
    assert used.cpu_ns >= 0
    assert used.waited_ns >= 0
