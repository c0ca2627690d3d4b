"""Claims a results folder: for one experiment, one writer at a time, and one set of conditions.

Owns these refusals. Which runs the folder holds is the store's matter.
"""

import fcntl
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from servecost.bench import earlier
from servecost.bench.experiment import Experiment
from servecost.core import csv_files, layout, manifest


class ResultsFolderError(ValueError):
    """The results folder cannot be used for this experiment; the message is one line that says why."""


@contextmanager
def claimed(
    out: Path,
    experiment: Experiment,
    conditions: Sequence[Mapping[str, Any]],
    allowed: Sequence[str],
    published: Path | None = None,
) -> Iterator[None]:
    """Hold a results folder for this process, made if need be, and check that it belongs to this experiment.

    ``conditions`` are those of now: what the folder holds has to have been made under the same, but for the ``allowed``
    fields. ``published``: published tables whose pairs it is to hold from now on; they may be of another host. Raises
    ResultsFolderError.
    """
    record = out / layout.EXPERIMENT_JSON
    wanted = experiment.model_dump(mode="json")
    if out.exists() and not out.is_dir():
        raise ResultsFolderError(f"{out} is no folder; choose another with --out")
    if out.exists() and not record.exists() and any(path.name != ".lock" for path in out.iterdir()):
        raise ResultsFolderError(f"{out} holds something else than results; choose another folder with --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / ".lock").touch()
    except OSError as error:
        raise ResultsFolderError(f"{out} cannot be written to ({error.strerror}); choose another with --out") from error
    with (out / ".lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ResultsFolderError(f"{out} is being written by another bench; wait for it or choose --out") from error
        if record.exists():
            check_same(_recorded(record), wanted, out)
        if published is not None:
            try:
                earlier.conditions(published)
            except earlier.NotPublished as error:
                raise ResultsFolderError(str(error)) from error
            check_same(_recorded(published / layout.EXPERIMENT_JSON), wanted, published)
        check_alike(out, conditions, allowed, published)
        text = json.dumps(wanted, indent=1) + "\n"
        csv_files.replace(record, lambda file: file.write(text))
        if published is not None:
            earlier.adopt(published, out)
        yield


def _recorded(record: Path) -> dict[str, object]:
    try:
        return dict(json.loads(record.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ResultsFolderError(f"{record} cannot be read ({error}); choose another folder with --out") from error


# More rounds, cells, recipes and systems only add runs; so does another way to write a recipe's path.
CELLS = {"recipes", "systems", "batch_sizes", "concurrencies"}
ADDS = {*CELLS, "rounds", "pairs", "examples_total", "precision", "equal_within", "aa", "instrument"}


def check_same(recorded: Mapping[str, Any], wanted: Mapping[str, Any], out: Path) -> None:
    """Raise ResultsFolderError, naming what differs, if a folder's runs are none of this experiment's."""
    recipes = _recipes(recorded) & _recipes(wanted)
    systems = set(recorded.get("systems", ())) & set(wanted.get("systems", ()))
    before, now = (dict(_deciding(content, recipes, systems)) for content in (recorded, wanted))
    differing = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    if differing:
        raise ResultsFolderError(
            f"{out} was made by a different experiment ({', '.join(differing)} differ); choose another with --out"
        )


def _recipes(content: Mapping[str, Any]) -> set[str]:
    return {Path(recipe).name for recipe in content.get("recipes", ())}


def _deciding(content: Mapping[str, Any], recipes: set[str], systems: set[str]) -> Iterator[tuple[str, Any]]:
    """Yield the keys of an experiment, with their values, that decide runs of these recipes and systems."""
    for key, value in content.items():
        if key not in {*ADDS, "recipe", "system"}:
            yield key, value
    for name in sorted(systems):
        yield f"system.{name}", content.get("system", {}).get(name, {})
    for recipe in sorted(recipes):
        own = content.get("recipe", {}).get(recipe, {})
        for key in own.keys() - ADDS - {"system"}:
            yield f"recipe.{recipe}.{key}", own[key]
        for name in sorted(systems):
            yield f"recipe.{recipe}.system.{name}", own.get("system", {}).get(name, {})


def check_alike(
    out: Path, conditions: Sequence[Mapping[str, Any]], allowed: Sequence[str], published: Path | None = None
) -> None:
    """Raise ResultsFolderError, naming what differs, unless a folder's runs were made under these conditions.

    Its published pairs, those in ``published`` or else those that it has, may be of another host.
    """
    held = [content["conditions"] for content in manifest.complete(out)]
    tables = published or out / layout.EARLIER
    before = earlier.conditions(tables) if tables.exists() else []
    try:
        manifest.check_alike([*before, *held, *conditions], [*allowed, *([manifest.HOST] if before else [])])
    except manifest.Unlike as error:
        raise ResultsFolderError(
            f"{out} holds runs that were made under other conditions: {error}; choose another with --out, "
            "or override the check with --allow-different FIELD"
        ) from error
