"""docker-compose.yml and the images, held against the tree: no engine is needed."""

import ast
import fnmatch
import itertools
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from servecost.core import recipe, systems
from tests.support import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
SERVERS = {name: service for name, service in SERVICES.items() if name not in ("master", "worker")}
LOAD = {name: SERVICES[name] for name in ("master", "worker")}
DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))


def with_defaults(text: str) -> str:
    """Return a text of the file as it is without variables."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def words(command: Any) -> list[str]:
    return with_defaults(command).split()


def test_every_recipe_with_requirements_has_a_server_and_no_other():
    """The floor, `echo`, needs no container."""
    assert set(SERVERS) == set(recipe.available()) - {"echo"}
    for name, service in SERVERS.items():
        assert service["build"]["args"]["RECIPE"] == name
        assert words(service["command"])[0] == name
        assert f"/results/{name}" in service["command"]


def test_both_arms_have_the_experiments_environment():
    """The baseline is timed in the server's container, with the variables of the experiment files."""
    for path in (ROOT / "experiments").glob("*.toml"):
        assert tomllib.loads(path.read_text())["environment_files"] == ["malloc.env"], path
    for service in SERVERS.values():
        assert service["env_file"] == "experiments/malloc.env"
        assert "environment" not in service


def test_the_load_waits_for_the_servers_and_the_workers_for_the_master():
    """Start order, by health."""
    assert {name: need["condition"] for name, need in LOAD["master"]["depends_on"].items()} == dict.fromkeys(
        SERVERS, "service_healthy"
    )
    assert LOAD["worker"]["depends_on"] == {"master": {"condition": "service_healthy"}}
    assert "HEALTHCHECK" in (ROOT / "docker" / "server.Dockerfile").read_text()
    assert "healthcheck" in LOAD["master"]


def test_baselines_are_timed_one_after_the_other():
    """A server that starts takes both cores: each waits for the one before."""
    names = list(SERVERS)
    for before, name in itertools.pairwise(names):
        assert SERVERS[name]["depends_on"] == {before: {"condition": "service_healthy"}}


def test_ports_are_published_on_loopback_only():
    """Not one of them is open to the network that the machine is in."""
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:8089:8089"]


def test_all_services_share_the_results():
    """Where the servers put what the load needs to know."""
    assert all("results:/results" in service["volumes"] for service in SERVICES.values())
    assert "results" in COMPOSE["volumes"]


def test_deepsegment_is_served_on_the_stack_of_the_page():
    """TensorFlow 1.14 has no build for a later Python than 3.7; what it needs in turn is pinned by the recipe."""
    arguments = SERVERS["deepsegment_en"]["build"]["args"]
    assert arguments["PYTHON_IMAGE"] == "${PYTHON37_IMAGE:-python:3.7-slim}"
    assert (ROOT / with_defaults(arguments["CONSTRAINTS"])).is_file()


def test_the_load_speaks_to_the_system_that_serves():
    """One variable chooses it for the image and for the clients; the other recipe keeps the default."""
    for service in SERVERS.values():
        chosen = {name: with_defaults(service["build"]["args"][name]) for name in ("SYSTEM", "VARIANT", "CHOSEN")}
        assert chosen == {"SYSTEM": systems.default(), "VARIANT": "", "CHOSEN": "deepsegment_en"}
    for service in LOAD.values():
        command = words(service["command"])
        assert command[command.index("--system") + 1] == systems.default()


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_an_image_has_a_pinned_base_no_root_and_only_what_there_is(path: Path):
    """Every file that is copied exists, and the build context holds it."""
    text = path.read_text()
    (base,) = re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", text, re.MULTILINE)
    assert re.fullmatch(r"python:3\.\d+-slim", base)
    assert re.findall(r"^FROM (\S+)$", text, re.MULTILINE) == ["${PYTHON_IMAGE}"]
    users = re.findall(r"^USER (\S+)$", text, re.MULTILINE)
    assert len(users) == 1
    assert users[0] != "root"
    for line in re.findall(r"^COPY (.+)$", text, re.MULTILINE):
        for source in line.split()[:-1]:
            for name in recipe.available() if "${RECIPE}" in source else [""]:
                copied = source.replace("${RECIPE}", name).replace("${SYSTEM}", systems.default())
                assert list(ROOT.glob(copied)), copied
                assert is_in_context(copied), copied


def is_in_context(path: str) -> bool:
    """Say whether .dockerignore lets a file through: its rules are all to leave out, then some to let in."""
    first, *rules = [line for line in (ROOT / ".dockerignore").read_text().split("\n") if line and line[0] != "#"]
    assert first == "*"
    allowed = [rule[1:] for rule in rules if rule.startswith("!")]
    return any(path == name or path.startswith(name + "/") or fnmatch.fnmatch(path, name) for name in allowed)


def test_nothing_large_or_private_is_in_the_build_context():
    """No environment, no results, no history."""
    for path in (".venv/bin/python", ".git/config", "results/quick/plan.csv", "docs/overhead.png"):
        assert not is_in_context(path)


def test_the_load_generator_has_no_model_library_and_the_versions_of_everybody_else():
    """One list of versions: the root's."""
    names = [line for line in (ROOT / "locustfiles" / "requirements.txt").read_text().split("\n") if line[:1].isalpha()]
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    assert all(re.fullmatch(r"[\w-]+", name) and name in pinned for name in names)
    assert not {"tensorflow", "torch", "deepsegment", "numpy", "pandas", "fastdeploy"} & set(names)
    imported = {name for path in (ROOT / "servecost" / "load").rglob("*.py") for name in imports_of(path)}
    assert imported - {"servecost", "systems", "flask"} - set(sys.stdlib_module_names) <= set(names)


def imports_of(path: Path) -> Iterator[str]:
    """Yield the names of the packages that a file imports from."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module).partition(".")[0]


def is_there(*command: str) -> bool:
    """Say whether a command can be run."""
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run([*command, "version"], capture_output=True, check=False).returncode == 0


def test_docker_compose_accepts_the_file():
    """With whichever of the two commands there is."""
    found = [words for words in (["docker-compose"], ["docker", "compose"]) if is_there(*words)]
    if not found:
        pytest.skip("no docker-compose on this machine")
    checked = subprocess.run([*found[0], "config"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    for name in yaml.safe_load(checked.stdout)["services"]:
        assert name in SERVICES


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "docker/measure RECIPE WORKERS"),
        (["deepsegment_en", "0"], "docker/measure RECIPE WORKERS"),
        (["nope", "3"], "error: unknown recipe 'nope'"),
    ],
)
def test_the_headless_command_says_how_it_is_used(arguments, says):
    """Before anything is started."""
    done = subprocess.run(["docker/measure", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert says in done.stderr
