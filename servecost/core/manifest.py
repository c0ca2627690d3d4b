"""The manifest beside a run: the conditions that make runs alike, and the digests of the run's files.

Owns the format and both checks. The conditions are gathered by ``servecost.bench.conditions``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from servecost.core import csv_files
from servecost.core.layout import MANIFEST_JSON, SCHEMA_VERSION, is_of_runs

_NOT_SET = "not set"
HOST = "machine.host"


class Damaged(ValueError):
    """A run's files are not whole; the message is one line that names the file."""


class Unlike(ValueError):
    """Runs to be merged or compared were made under different conditions; the message names the fields."""


def write(folder: Path, content: dict[str, Any], names: Iterable[str] = ()) -> None:
    """Write a manifest with the digests of those of the named files that are there."""
    digests = {name: digest(folder / name) for name in names if (folder / name).is_file()}
    whole = {"schema_version": SCHEMA_VERSION, **content, "files": digests}
    csv_files.replace(folder / MANIFEST_JSON, lambda file: file.write(json.dumps(whole, indent=1) + "\n"))


def digest(path: Path) -> str:
    """Return a digest of a file's content, whichever ends its lines have: git may have changed those."""
    return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()[:16]


def read(folder: Path) -> dict[str, Any]:
    """Return a manifest. Raises Damaged if it cannot be read, or is of another version of the format."""
    path = folder / MANIFEST_JSON
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Damaged(f"{path} cannot be read ({type(error).__name__})") from error
    if not isinstance(content, dict) or content.get("schema_version") != SCHEMA_VERSION:
        raise Damaged(f"{path} is of another version of this project")
    return content


def complete(folder: Path) -> list[dict[str, Any]]:
    """Return the manifests of all complete runs in a results folder.

    A manifest that cannot be read makes its own run invalid, and no other: it is left out. Whatever else lies in the
    folder, such as a copy of other results, is none of it.
    """
    found = []
    for path in sorted(folder.rglob(MANIFEST_JSON)):
        if path.parent.suffix or not is_of_runs(path.relative_to(folder).parts[0]):
            continue
        try:
            found.append(read(path.parent))
        except Damaged:
            continue
    return found


def checked(folder: Path, names: Sequence[str] = ()) -> dict[str, Any]:
    """Return a manifest whose files are as they were written, ``names`` among them. Raises Damaged if they are not.

    A file that is not there any more counts only if it is one of ``names``: a compact copy leaves logs behind.
    """
    content = read(folder)
    for name in names:
        if not (folder / name).is_file():
            raise Damaged(f"{folder / name} is missing")
    for name, expected in content["files"].items():
        if (folder / name).is_file() and digest(folder / name) != expected:
            raise Damaged(f"{folder / name} has been changed or cut short since it was written")
    return content


def differing(conditions: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the fields that differ, by their dotted names, each with its values.

    A field that is not there has a value, too: ``not set``. Only a whole group that some lack says nothing: two
    recipes' runs may be merged, and each has its own fingerprint.
    """
    groups: dict[str, list[dict[str, str]]] = {}
    for each in conditions:
        for group, content in _groups(each, ()):
            fields = _flat(content) if isinstance(content, dict) else [("", content)]
            groups.setdefault(group, []).append({field: str(value) for field, value in fields})
    found: dict[str, list[str]] = {}
    for group, having in groups.items():
        for field in dict.fromkeys(field for fields in having for field in fields):
            values = list(dict.fromkeys(fields.get(field, _NOT_SET) for fields in having))
            if len(values) > 1:
                found[".".join(filter(None, (group, field)))] = values
    return found


def check_alike(conditions: Iterable[Mapping[str, Any]], allowed: Sequence[str] = ()) -> list[str]:
    """Return what differs although it is ``allowed`` to. Raises Unlike if anything else differs.

    A field is allowed by its name, by the end of its name, or by a group's: ``versions.torch`` for
    ``stacks.my_recipe.my_system.versions.torch``, ``machine`` for ``machine.host``.
    """
    found = differing(conditions)
    unlike = [
        "{} ({})".format(field, " / ".join(values)) for field, values in found.items() if not _is_in(field, allowed)
    ]
    if unlike:
        raise Unlike("; ".join(unlike))
    return list(found)


def _is_in(field: str, allowed: Sequence[str]) -> bool:
    return any(".{}.".format(name) in ".{}.".format(field) for name in allowed if name)


def _groups(content: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Yield the groups of fields that a run has or lacks as a whole: a recipe's, a system's, and the rest."""
    for name, value in content.items():
        here = (*path, name)
        if isinstance(value, dict) and (here in (("code",), ("code", "systems"), ("recipes",)) or _is_stacks(here)):
            yield from _groups(value, here)
        else:
            yield ".".join(here), value


def _is_stacks(path: tuple[str, ...]) -> bool:
    """Say whether a path leads to all stacks, or to those of a recipe, each under its system's name."""
    return path[0] == "stacks" and len(path) <= 2


def _flat(content: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if isinstance(value, dict):
            yield from _flat(value, before + name + ".")
        else:
            yield before + name, value
