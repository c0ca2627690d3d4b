"""The check of every request to Locust's web interface: only the load's own fields, with values that make a run.

Owns the refusals. Locust takes any of its options from anyone who reaches the port, files to write among them, even
from pages of other sites, and answers a wrong value with an exception's text.
"""

from argparse import ArgumentTypeError
from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

import gevent
from flask import Response, jsonify, request
from locust.env import Environment
from locust.web import WebUI

from servecost.core import systems
from servecost.core.options import at_least
from servecost.load.plugin.conductor import Conductor
from servecost.load.plugin.options import NUMBERS, SYSTEM, is_address

READY_LIMIT_S = 15
POLL_S = 0.01
LOCALHOST = "localhost"
# What a start may set besides the load's own options; Locust checks the values.
LOCUST_FIELDS = ("user_count", "spawn_rate", "host", "run_time", "profile")


def guard(web_ui: WebUI, environment: Environment, conductor: Conductor) -> None:
    """Have every request to the web interface checked before Locust answers it."""
    assert web_ui.app is not None and environment.parsed_options is not None
    names = (LOCALHOST, *environment.parsed_options.web_name)
    given_host = "" if environment.parsed_options.any_host else environment.host or ""

    @web_ui.app.before_request
    def refuse() -> Response | tuple[str, int] | None:
        if problem := _find_foreign_origin(names):
            return f"refused: {problem}\n", 403
        if request.path.endswith("/user"):
            return "refused: a user class cannot be changed from the web interface\n", 403
        if request.path.endswith("/stats/reset") and conductor.is_running:
            return "refused: the statistics are part of the run that is in progress\n", 409
        if request.path.endswith("/swarm") and (problem := _find_problem(environment, conductor, given_host)):
            return jsonify({"success": False, "message": problem, "host": environment.host})
        return None


def _find_foreign_origin(names: Collection[str]) -> str:
    """Return why the request may come from another site's page; nothing if it does not.

    Another site's name can be made to point here, an address cannot: whoever uses it means this machine.
    """
    origin, own = request.headers.get("Origin"), request.host
    try:
        page, name = urlsplit(origin or "").netloc, urlsplit(f"//{own}").hostname or ""
    except ValueError:  # brackets that are none
        return "its address, or that of the page that it comes from, is none"
    if origin and page != own:
        return f"it comes from a page of {origin}"
    if name not in names and not _is_ip_address(name):
        return f"it is addressed to {own}; start Locust with --web-name {name} if that is its own name"
    return ""


def _is_ip_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False


def _find_problem(environment: Environment, conductor: Conductor, given_host: str) -> str:
    """Return in one line, which the form shows, why no run can be started with its values; nothing if one can.

    ``given_host``: the only server that may be chosen; any if empty.
    """
    for name, value in request.form.items():
        if name == "host" and given_host and value.rstrip("/") != given_host.rstrip("/"):
            return f"Host: {value!r} is not the given server, {given_host}; start Locust with --any-host to choose here"
        if problem := _find_problem_of_field(name, value, environment):
            return problem
    with gevent.Timeout(READY_LIMIT_S, False):
        while not conductor.is_running and not conductor.is_ready:
            gevent.sleep(POLL_S)  # workers need some time to become idle after a run
    if conductor.is_running:
        return "A run is in progress: wait for its end, or stop it first"
    if not conductor.is_ready:
        return "Not all expected workers are connected: start them first"
    return _find_other_users(environment, conductor)


def _find_other_users(environment: Environment, conductor: Conductor) -> str:
    """Return who else uses the server; asked before Locust starts, because its Stop ends no run that is only due."""
    assert environment.parsed_options is not None
    host = request.form.get("host") or environment.host or ""
    return conductor.find_other_users(host, request.form.get(SYSTEM) or environment.parsed_options.system)


def _find_problem_of_field(name: str, value: str, environment: Environment) -> str:
    title = name.replace("_", " ").capitalize()
    least = 1 if name == "user_count" else NUMBERS[name].least if name in NUMBERS else None
    if least is not None:
        try:
            at_least(least)(value)
        except ArgumentTypeError as error:
            return f"{title}: {error}"
    elif name == SYSTEM:
        try:
            systems.load(value)
        except systems.UnknownSystem as error:
            return f"{title}: {error}"
    elif name == "host" and not is_address(value):
        return f"{title}: {value!r} is no server's address; give one, like http://127.0.0.1:8080"
    elif name not in LOCUST_FIELDS and name in vars(environment.parsed_options or object()):
        return f"{title} cannot be set from the web interface"
    return ""
