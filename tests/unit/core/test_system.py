"""A system's description says where a client finds the server."""

from pathlib import Path

import pytest

from servecost.core import systems
from servecost.core.system import Served


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("", "http://127.0.0.1:8080"),
        ("10.1.2.3", "http://10.1.2.3:8080"),
    ],
)
def test_a_client_on_this_machine_uses_loopback_if_the_server_listens_everywhere(host: str, address: str):
    """Requests are sent to the first port."""
    served = Served(Path("copy"), "python", host, (8080, 9999), 60)
    assert (served.port, served.address) == (8080, address)


@pytest.mark.parametrize("name", systems.available())
def test_a_system_is_called_what_its_folder_is_called(name: str):
    """No list of names has to be kept; a variant has its system's folder."""
    system = systems.load(name)
    assert (system.name, system.folder) == (name, systems.FOLDER / name.partition("+")[0])


def test_a_system_that_keeps_no_records_has_no_facts_and_no_stages():
    """Both are optional."""
    served = Served(Path("copy"), "python", "127.0.0.1", (8080,), 60)
    system = systems.load("null")
    assert (system.facts(served), list(system.stages(served, "run")), system.request_count) == ({}, [], None)
