"""Ports are found that nothing listens on, and a process has the variables that it should."""

import socket
from pathlib import Path

import pytest

from servecost.bench.processes.process import Command, free_port, free_ports, is_taken


def test_a_process_inherits_what_configures_nothing(monkeypatch: pytest.MonkeyPatch):
    """What it is given comes first."""
    monkeypatch.setenv("UVICORN_WORKERS", "4")
    monkeypatch.setenv("MODEL", "small")
    monkeypatch.setenv("DEPTH", "1")
    found = Command("it", ["it"], Path("log"), {"DEPTH": "2"}).variables
    assert (found["MODEL"], found["DEPTH"]) == ("small", "2")
    assert "UVICORN_WORKERS" not in found


@pytest.mark.parametrize(("shells", "all_of_it"), [(None, "/a"), ("", "/a"), ("/mine:/more", "/a:/mine:/more")])
def test_s19_where_python_searches_is_added_to(shells: str | None, all_of_it: str, monkeypatch: pytest.MonkeyPatch):
    """A helper of the recipe's may be there, and the direct arm finds it."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    if shells is not None:
        monkeypatch.setenv("PYTHONPATH", shells)
    assert Command("it", ["it"], Path("log"), {"PYTHONPATH": "/a"}).variables["PYTHONPATH"] == all_of_it
    assert Command("it", ["it"], Path("log")).variables.get("PYTHONPATH") == shells


def test_free_ports_are_all_different():
    """A system may need several at a time."""
    assert len(set(free_ports(5))) == 5
    assert free_ports(0) == ()


def test_a_port_is_taken_while_something_listens_on_it():
    """It is free again afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert is_taken(port)
    assert not is_taken(port)
    assert not is_taken(free_port())
