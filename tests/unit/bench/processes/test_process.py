"""Ports are found that nothing listens on."""

import socket

from servecost.bench.processes.process import free_port, free_ports, is_taken


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
