"""The served arm: one run of Locust against a server, its files put in their place when they are whole.

Owns Locust's command line, what of the server's own records is kept beside a run, and the verdict on it. A run is made
in a folder beside its place and renamed when everything is there, so that an interrupted experiment loses the run in
hand and nothing else.
"""

import json
import re
import shutil
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from servecost.bench import conditions as manifest
from servecost.bench.arms.server import Server, ServerFailed, check_alive
from servecost.bench.plan import ServedRun
from servecost.bench.processes.process import running
from servecost.bench.processes.watch import Watch
from servecost.bench.scripts import reason_of, script_of
from servecost.core import call_log, csv_files, layout
from servecost.core import manifest as manifests
from servecost.core.recipe import Recipe
from servecost.core.verdicts import VALID, Verdict

POLL_S = 0.1
FAILED_SUFFIX = ".failed"
UNFINISHED_SUFFIX = ".unfinished"


@dataclass(frozen=True)
class Conditions:
    """What all served runs of a part have in common.

    Attributes:
        recipe: what is served.
        environment: variables set for both arms.
        timeout_s: after which a request has failed.
        expected_json: the file of the right answers.
        about: what the manifest says besides.
        tolerated: rules that a run may break and count all the same.
    """

    recipe: Recipe
    environment: Mapping[str, str]
    timeout_s: int
    expected_json: Path
    about: Mapping[str, Any]
    tolerated: Collection[str] = ()


def make(run: ServedRun, server: Server, conditions: Conditions, tick: Callable[[], None]) -> tuple[Verdict, float]:
    """Make one served run; return the verdict on it and its seconds.

    Its files are in its folder afterwards, or, if it broke a rule that it need not break again, in one of their own.
    """
    clear(run.folder)
    folder = unfinished_folder(run.folder)
    folder.mkdir(parents=True)
    log_sizes = {process.log: process.log.stat().st_size for process in server.processes}
    members, calls_before = server.members(), len(server.calls())
    watch = Watch(folder)
    verdict = load(run, server, conditions, folder, watch, tick)
    for log, size in log_sizes.items():
        with log.open("rb") as file:
            file.seek(size)
            (folder / f"server-{log.name}").write_bytes(file.read())
    about = read_run(folder)
    if about.get("released_ns"):
        write_calls(folder, server.calls(calls_before), about)
        write_records(folder, server, about)
    verdict = first_broken(
        verdict, of_server(server, members), of_calls(folder, run, about), tolerated=conditions.tolerated
    )
    manifest.write(
        folder,
        conditions.recipe,
        conditions.environment,
        names=layout.RUN_FILES,
        arm="served",
        **conditions.about,
        server=server.facts,
        resources=watch.found(),
        batch_size=run.batch_size,
        concurrency=run.concurrency,
        examples=run.examples,
        verdict=asdict(verdict),
    )
    folder.rename(final_folder(run, verdict))
    if not verdict.is_lasting:
        write_failure(failed_folder(run.folder) / layout.FAILURE_JSON, verdict)
    return verdict, float(about.get("total_s") or 0)


def load(
    run: ServedRun, server: Server, conditions: Conditions, folder: Path, watch: Watch, tick: Callable[[], None]
) -> Verdict:
    """Run Locust; return what it says of its run. A server that ends meanwhile ends it, and so does want of memory."""
    environment = {
        **conditions.environment,
        "EXPECTED_ANSWERS": str(conditions.expected_json),
        "RECIPE": str(conditions.recipe.folder),
    }
    command = locust_command(conditions, run, server, folder)
    with running("locust", command, environment, folder / "locust.log") as process:
        while (exit_code := process.wait(POLL_S)) is None:
            tick()
            try:
                check_alive(server.processes)
            except ServerFailed as error:
                return Verdict("server", one_line(error))
            if not (verdict := watch.look()).is_valid:
                return verdict
    told = read_run(folder)
    if told and (told["rule"] or exit_code == 0):
        reason = told["reason"] and f"{told['reason']} (log: {folder / 'locust.log'})"
        return Verdict(told["rule"], reason.replace(str(folder), str(final_folder(run, Verdict(told["rule"])))))
    last = process.last_lines(1)
    named = re.match(r"INVALID\(([a-z-]+)\)", last)
    reason = reason_of(process, exit_code).replace(str(folder), str(failed_folder(run.folder)))
    return Verdict(named[1] if named else "interrupted", reason)


def of_server(server: Server, before: set[tuple[int, float]]) -> Verdict:
    """Return whether the server's processes are those that they were."""
    try:
        check_alive(server.processes)
    except ServerFailed as error:
        return Verdict("server", one_line(error))
    after = server.members()
    if gone := before - after:
        return Verdict(
            "server-restarted", f"{len(gone)} of its processes ended and {len(after - before)} began in the run"
        )
    return VALID


def of_calls(folder: Path, run: ServedRun, about: Mapping[str, Any]) -> Verdict:
    """Return whether the log of the predictor's calls has all examples of the run, if there is one."""
    if not (folder / layout.CALLS_CSV).exists() or about["rule"]:
        return VALID
    inputs = sum(int(row["inputs"]) for row in csv_files.rows(folder / layout.CALLS_CSV))
    if inputs != run.examples:
        return Verdict("calls", f"the predictor was called with {inputs} inputs for {run.examples} examples")
    return VALID


def first_broken(*verdicts: Verdict, tolerated: Collection[str] = ()) -> Verdict:
    """Return the verdict that says most: a server that is gone explains the failures that the client saw."""
    broken = [verdict for verdict in verdicts if not verdict.is_valid and verdict.rule not in tolerated]
    return min(broken, key=lambda verdict: verdict.rule not in ("server", "server-restarted"), default=VALID)


def write_calls(folder: Path, log: list[str], about: Mapping[str, Any]) -> None:
    """Write the predictor's calls since the release, if the system logs any; warm-ups came before."""
    logged = [[int(word) for word in line.split(",")] for line in log]
    if logged:
        since = [call for call in logged if call[1] >= about["released_ns"]]
        csv_files.write_table(folder / layout.CALLS_CSV, call_log.COLUMNS, since)


def write_records(folder: Path, server: Server, about: Mapping[str, Any]) -> None:
    """Write the server's own times of the run's requests, in ns since the release, if it keeps any."""
    released_s, rows = about["released_unix_ns"] / 1e9, []
    for record in server.system.records(server.copy, about["run"]):
        times = record.received_s, record.fetched_s, record.predicted_s, record.answered_s
        since = [round((time_s - released_s) * 1e9) for time_s in times]
        rows.append((record.unique_id.rpartition("-")[2], *since, record.predicted_in_batch_of))
    if rows:
        csv_files.write_table(folder / layout.SERVER_REQUESTS_CSV, layout.SERVER_REQUESTS_COLUMNS, rows)


def read_run(folder: Path) -> dict[str, Any]:
    """Return what Locust says of its run; nothing if it did not come to that."""
    path = folder / layout.LOCUST_RUN_JSON
    return dict(json.loads(path.read_text())) if path.exists() else {}


def is_whole(run: ServedRun) -> bool:
    """Say whether a run is in its place, with files that are as they were written."""
    if not run.folder.exists():
        return False
    try:
        manifests.checked(run.folder, layout.REQUIRED_RUN_FILES)
    except manifests.Damaged:
        return False
    return True


def set_aside(run: ServedRun) -> None:
    """Move a run whose files are damaged out of the way; what is left of it is kept until it is made again."""
    shutil.rmtree(failed_folder(run.folder), ignore_errors=True)
    run.folder.rename(failed_folder(run.folder))


def unfinished_folder(place: Path) -> Path:
    """Return where the files of a run are while it is made."""
    return place.with_name(place.name + UNFINISHED_SUFFIX)


def failed_folder(place: Path) -> Path:
    """Return where the files of a failed run are kept until it is made again."""
    return place.with_name(place.name + FAILED_SUFFIX)


def final_folder(run: ServedRun, verdict: Verdict) -> Path:
    """Return where the files of a run are kept: in its place only if another run would come to the same."""
    return run.folder if verdict.is_lasting else failed_folder(run.folder)


def keep_failure(run: ServedRun, verdict: Verdict) -> None:
    """Keep the reason of a run that came to nothing, under a name that no report takes for a result."""
    clear(run.folder)
    failed_folder(run.folder).mkdir(parents=True)
    write_failure(failed_folder(run.folder) / layout.FAILURE_JSON, verdict)


def write_failure(path: Path, verdict: Verdict) -> None:
    """Write why there is no number."""
    path.write_text(json.dumps(asdict(verdict), indent=1) + "\n")


def clear(place: Path) -> None:
    """Remove what earlier attempts at a run have left."""
    for folder in (failed_folder(place), unfinished_folder(place)):
        shutil.rmtree(folder, ignore_errors=True)


def one_line(error: Exception) -> str:
    """Return an error's message as one line."""
    return " | ".join(line for line in str(error).splitlines() if line.strip())


def locust_command(conditions: Conditions, run: ServedRun, server: Server, folder: Path) -> list[str]:
    """Return Locust's command line for a run."""
    options = {
        "-f": script_of("locustfiles", conditions.recipe),
        "--users": run.concurrency,
        "--batch-size": run.batch_size,
        "--examples": run.examples,
        "--request-timeout": conditions.timeout_s,
        "--host": server.address,
        "--csv": folder / layout.LOCUST_PREFIX,
    }
    words = [str(word) for option in options.items() for word in option]
    return [sys.executable, "-m", "locust", "--headless", "--only-summary", *words]
