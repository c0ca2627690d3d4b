"""``servecost``, run as a user runs it, on the real fastDeploy: whole, interrupted, resumed, misused."""

import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pandas as pd
import psutil
import pytest
import requests

from servecost.bench.processes.process import free_port
from servecost.core import answers, csv_files, layout, recipe, systems
from servecost.report import attribution
from servecost.report.read import published, results
from tests.faults import fault
from tests.support import PATIENCE_S, PREDICTOR, ROOT, Command, wait_until, write_recipe

pytestmark = pytest.mark.usefixtures("no_orphans")

ECHO = """
recipes = ["echo"]
batch_sizes = [1, 8]
concurrencies = [4]
examples = 60
rounds = 1
"""
SMALL = """
recipes = [{}]
batch_sizes = [8]
concurrencies = [4]
examples = 60
rounds = 1
instrument = false
aa = false

[system.fastdeploy]
WORKERS = "1"
"""
# Its second run is long enough to be interrupted in the middle.
LONG = """
recipes = ["echo"]
batch_sizes = [1]
concurrencies = [1, 4]
examples = 400
rounds = 1
instrument = false
aa = false

[system.fastdeploy]
WORKERS = "1"
"""
LOUD = """
import subprocess
def predictor(inputs, batch_size=1):
    subprocess.run(["cat"], check=True)
    return [{'loud': item.upper(), 'size': len(item) / 7} for item in inputs]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "my.toml"
    path.write_text(text)
    return path


def run_folders(out: Path) -> dict[str, float]:
    """Return the whole served runs of a results folder, with the time at which each was made."""
    found = [path for path in out.glob(f"round-*/**/{layout.LOCUST_STATS_CSV}") if not path.parent.suffix]
    return {str(path.parent.relative_to(out)): path.stat().st_mtime for path in found}


def test_an_experiment_ends_in_a_table_and_keeps_every_runs_files(command: Command, invoke: Command, tmp_path: Path):
    """From one command to the report, and nothing is done twice by the next."""
    experiment, out = written(tmp_path, ECHO), tmp_path / "out"
    done = command("-m", "servecost", "run", experiment, "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    header = "| Recipe | Batch Size | Baseline | Req Concurrency | fastDeploy | Overhead |"
    assert header in [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "**VALID**: all 2 rows" in done.stdout
    assert f"Report: {out / 'report.html'}" in done.stdout
    assert re.search(
        r"^\[\d+/5\] round 1, echo fastdeploy, batch size 8 × 4 users: .* left$", done.stdout, re.MULTILINE
    )
    assert "\x1b" not in done.stdout

    part = out / "round-1" / "echo" / "fastdeploy"
    for name in ("baseline.log", "expected.json", "cold.csv"):
        assert (part / name).is_file()
    assert set(pd.read_csv(part / "cold.csv")["arm"]) == {"baseline", "served"}
    same = out / "round-1" / "echo" / "_same" / "b8-c0"
    assert list(pd.read_csv(same / "baseline.csv")["run"]) == [1, 2]
    for cell in ("b1-c4", "b8-c4"):
        files = {path.name for path in (part / cell).iterdir()}
        wanted = {"stats", "failures", "exceptions", "requests"}
        assert {f"locust_{name}.csv" for name in wanted} < files
        assert {"locust.log", "locust_run.json", "manifest.json", "server-loop.log", "server-rest.log"} < files
        assert {"calls.csv", "server_stages.csv", "baseline.csv", "direct_calls.csv", "idle.csv", "slices.csv"} < files
        assert (out / "instrument" / "echo" / "fastdeploy" / cell / "locust_run.json").is_file()
    for name in ("plan.csv", "table.md", "table.csv", "report.html"):
        assert (out / name).is_file()
    table = pd.read_csv(out / "table.csv")
    assert len(table) == 2
    assert (table["overhead_s"] - (table["served_s"] - table["baseline_s"])).abs().max() < 1e-9
    parts = table[["call_pattern_s", "contention_s", "serving_path_s"]]
    assert (table["overhead_s"] - parts.sum(axis=1, skipna=False)).abs().max() < 1e-9
    assert (table["instrument_s"] > 0).all()  # of a thousand requests, though the runs have fewer
    assert (table["p50_ms"] <= table["max_ms"]).all()
    assert table["p99_ms"].isna().all()  # which takes 299 requests

    for pair in [part / "b1-c4", part / "b8-c4", same]:
        assert seconds_in_slices(pair) == pytest.approx(totals_of(pair), abs=1e-9)

    wall = pd.read_csv(out / "wall.csv")
    assert ((wall["timed_s"] >= 0) & (wall["timed_s"] <= wall["wall_s"])).all()
    assert (wall["timed_s"] > 0).sum() == 2 + 1 + 2  # pairs, of the baseline with itself, and on the null system
    assert f"The runs took {wall['wall_s'].sum():.0f} s in all, of which {wall['timed_s'].sum():.0f} s" in done.stdout

    before = run_folders(out)
    again = invoke("run", experiment, "--out", out)
    assert again.returncode == 0
    assert run_folders(out) == before
    assert not re.search(r"^(\[|round 1|instrument)", again.stdout, re.MULTILINE)
    assert f"every pair is in {out} already" in again.stdout


def totals_of(pair: Path) -> list[float]:
    """Return what both arms of a pair took, as they say it."""
    totals = list(pd.read_csv(pair / "baseline.csv")["total_s"])
    run = pair / "locust_run.json"
    return [*totals, json.loads(run.read_text())["total_s"]] if run.exists() else totals


def seconds_in_slices(pair: Path) -> list[float]:
    """Return what both arms of a pair took by the machine's clock: of each run, what is within the arm's slices."""
    runs, slices = (
        [(row["arm"], int(row["begin_ns"]), int(row["end_ns"])) for row in csv_files.rows(pair / name)]
        for name in ("runs.csv", "slices.csv")
    )
    return [
        sum(max(0, min(end, until) - max(begin, since)) for own, since, until in slices if own == arm) / 1e9
        for arm, begin, end in runs
    ]


def test_a_results_folder_of_another_experiment_is_not_touched(invoke: Command, measured: Path, tmp_path: Path):
    """The line says what differs and what to do."""
    out = Path(shutil.copytree(measured, tmp_path / "out"))
    content = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    changed = (measured.parent / "my.toml").read_text().replace("200", "201").replace("rounds = 2", "rounds = 4")
    done = invoke("run", written(tmp_path, changed), "--out", out)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"error: {out} was made by a different experiment (examples differ); choose another with --out"
    ]
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == content


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "nowhere.toml"], "error: nowhere.toml: there is no such file"),
        (["run"], "Error: Missing argument 'EXPERIMENT'."),
        (["report", "nowhere"], "error: nowhere is no results folder"),
        (["serve", "nope"], "error: unknown recipe 'nope'"),
        (
            ["serve", "echo", "--system", "nope"],
            f"error: unknown system 'nope'; there are: {', '.join(systems.available())}",
        ),
        (["serve", "echo", "--port", "70000"], "Error: Invalid value for '--port': 70000 is not in the range"),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_code_2(invoke: Command, arguments: list[str], says: str):
    """Whatever the verb."""
    done = invoke(*arguments)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(says)


def test_a_process_says_and_returns_what_its_verb_does(command: Command):
    """No traceback, and the exit code is the process's."""
    done = command("-m", "servecost", "report", "nowhere")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: nowhere is no results folder")


def test_a_folder_that_holds_something_else_is_not_touched(invoke: Command, tmp_path: Path):
    """Somebody's home folder, say."""
    out = tmp_path / "precious"
    out.mkdir()
    (out / "thesis.txt").write_text("words")
    done = invoke("run", written(tmp_path, ECHO), "--out", out)
    assert done.returncode == 2
    assert f"error: {out} holds something else than results" in done.stderr
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_used_is_told(invoke: Command, tmp_path: Path):
    """A file, or a place where nothing can be made."""
    experiment = written(tmp_path, ECHO)
    for out, says in ((experiment, "is no folder"), (Path("/proc/results"), "cannot be written to")):
        done = invoke("run", experiment, "--out", out)
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: {out} {says}")


def test_a_folder_that_another_bench_writes_to_is_left_to_it(invoke: Command, tmp_path: Path):
    """Two would make the same runs, and disturb each other's."""
    experiment, out = written(tmp_path, ECHO), tmp_path / "out"
    out.mkdir()
    (out / "experiment.json").write_text("{}")
    with (out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = invoke("run", experiment, "--out", out)
    assert done.returncode == 2
    assert f"error: {out} is being written by another bench" in done.stderr


def test_a_wrong_key_is_told_before_anything_is_made(invoke: Command, tmp_path: Path):
    """Not even the folder."""
    done = invoke("run", written(tmp_path, ECHO + "colour = 1"), "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "unknown key 'colour'; valid keys: " in done.stderr
    assert not (tmp_path / "out").exists()


@fault("An experiment is interrupted", "SIGTERM (as Ctrl-C) to the bench in a run", "goes on there")
def test_an_interrupted_experiment_goes_on_where_it_stopped(invoke: Command, tmp_path: Path):
    """Finished runs are kept and the rest is done; the run in hand is lost, and no process lives on."""
    experiment, out = written(tmp_path, LONG), tmp_path / "out"
    arguments = ["run", str(experiment), "--out", str(out)]
    words = [sys.executable, "-m", "servecost", *arguments]
    bench = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_until(lambda: is_in_second_run(out), 120, bench)
    bench.send_signal(signal.SIGTERM)
    output, _ = bench.communicate(timeout=60)
    assert bench.returncode == 130
    assert "Traceback" not in output
    assert "the same command goes on where it stopped" in output
    (finished,) = run_folders(out).items()

    done = invoke(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    whole = run_folders(out)
    assert sorted(whole) == [f"round-1/echo/fastdeploy/{cell}" for cell in ("b1-c1", "b1-c4")]
    assert finished in whole.items()
    assert not list(out.rglob("*.unfinished"))
    assert all(len(pd.read_csv(out / cell / "baseline.csv")) == 1 for cell in whole)


def is_in_second_run(out: Path) -> bool:
    """Say whether one pair is whole and another is under way."""
    return len(run_folders(out)) == 1 and any(out.rglob("b1-c*.unfinished"))


def test_a_pair_whose_baseline_is_torn_is_made_again_whole(invoke: Command, measured: Path, tmp_path: Path):
    """A baseline of one sitting is not paired with a served run of another."""
    out = Path(shutil.copytree(measured, tmp_path / "out"))
    path = min((out / "round-2" / "echo" / "fastdeploy").glob("b*/baseline.csv"))
    before = {each: (path.parent / each).read_bytes() for each in ("locust_requests.csv", "slices.csv")}
    path.write_text(path.read_text()[:-5])
    again = invoke("run", measured.parent / "my.toml", "--out", out)
    assert again.returncode == 0, again.stderr
    assert list(pd.read_csv(path)["batch_size"]) == [1]
    assert all((path.parent / each).read_bytes() != content for each, content in before.items())


@pytest.mark.alone  # sixteen users, two predictors and two cores: beside other tests the client waits for one
def test_calls_of_several_predictor_processes_are_all_counted(invoke: Command, tmp_path: Path):
    """Under a server that has two of them: every example is in the log, and busy is when at least one was called."""
    pids = tmp_path / "pids"
    predictor = f"""
import os, time
def predictor(inputs, batch_size=1):
    with open({str(pids)!r}, "a") as file:
        file.write(f"{{os.getpid()}}\\n")
    time.sleep(0.002)
    return list(inputs)
"""
    write_recipe(tmp_path / "counted", predictor=predictor)
    text = SMALL.format('"counted"').replace("[8]", "[1]").replace("[4]", "[16]").replace("60", "320")
    text = text.replace("fastdeploy", "fastapi").replace('WORKERS = "1"', 'WORKERS = "2"')
    experiment, out = written(tmp_path, 'systems = ["fastapi"]\n' + text), tmp_path / "out"
    done = invoke("run", experiment, "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(set(pids.read_text().split())) >= 3  # the direct arm's, and two of the server
    own = out / "round-1" / "counted" / "fastapi" / "b1-c16"
    assert pd.read_csv(own / layout.CALLS_CSV)["inputs"].sum() == 320
    (served,) = (json.loads(path.read_text()) for path in own.glob(layout.LOCUST_RUN_JSON))
    assert 0 < attribution.busy(own).busy_s <= served["total_s"]


def test_recipes_that_cannot_be_called_are_reported_and_the_others_go_on(invoke: Command, tmp_path: Path):
    """Their runs are missing; the reason is the last line of each one's log.

    The one that goes on is somebody's own: two files, named by a path beside the experiment, with bytes as inputs, and
    a program that reads its standard input, which is empty (S16).
    """
    write_recipe(tmp_path / "broken", predictor="raise ImportError('no such model')")
    write_recipe(tmp_path / "odd", predictor="def predictor(inputs, batch_size=1): return [1.5 * 'x']")
    own = write_recipe(tmp_path / "own", "example = [b'abc', b'xyz']", LOUD)
    experiment = written(tmp_path, SMALL.format('"broken", "odd", "./own"'))
    out = os.path.relpath(tmp_path / "out", ROOT)  # as users write it, and not every process works in the same folder
    done = invoke("run", experiment, "--out", out)
    assert done.returncode == 1
    for says in ("ImportError: no such model", "TypeError"):
        assert f"baseline ended with exit code 1: {says}" in done.stderr
    assert "Traceback" not in done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith(("| broken ", "| odd ", "| own "))]
    assert [row.count("INVALID") for row in rows] == [3, 3, 0]
    assert {path.name for path in own.iterdir()} - {"__pycache__"} == {"example.py", "predictor.py"}


@fault(
    "Answers have no form on the wire",
    "a predictor answers text with bytes, which JSON cannot hold",
    "INVALID(unsendable), exit code 2",
)
def test_answers_that_no_client_can_be_sent_are_one_line(invoke: Command, tmp_path: Path):
    """The recipe is the wrong argument; nothing hangs."""
    write_recipe(tmp_path / "speech", predictor="def predictor(inputs, batch_size=1): return [b'sound'] * len(inputs)")
    experiment = written(tmp_path, SMALL.format('"./speech"'))
    done = invoke("run", experiment, "--out", tmp_path / "out", limit_s=120)
    assert done.returncode == 2
    assert "INVALID(unsendable): fastDeploy: the predictor answers with bytes" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_experiment_is_made_in_pieces(invoke: Command, tmp_path: Path):
    """What one folder has published is not made again in another, and both together are the experiment."""
    experiment = written(tmp_path, SMALL.format('"echo"'))
    first, second, tables = (tmp_path / name for name in ("first", "second", "published"))
    assert invoke("run", experiment, "--out", first).returncode == 0
    published.write(results.read(first), first / layout.EXPERIMENT_JSON, tables)
    written(tmp_path, SMALL.format('"echo"').replace("rounds = 1", "rounds = 2"))

    none = invoke("run", experiment, "--out", second, "--from", tables, "--for", "1s")
    assert none.returncode == 0, none.stderr
    assert re.search(r"^to be made: 1 run, about \d+ s$", none.stdout, re.MULTILINE)
    assert re.search(
        r"^the time is over; left: 1 run, about \d+ s; the same command goes on$", none.stdout, re.MULTILINE
    )
    assert run_folders(second) == {}

    done = invoke("run", experiment, "--out", second, "--from", tables, "--for", "10m")
    assert done.returncode == 0, done.stderr
    assert list(run_folders(second)) == ["round-2/echo/fastdeploy/b8-c4"]
    (row,) = pd.read_csv(second / "table.csv").itertuples()
    totals = pd.concat([results.read(first).served, results.read(second).served])["total_s"]
    assert (row.rounds, row.pairs) == (2, 2)
    assert totals.nunique() == 2
    assert "INVALID" not in done.stdout
    assert invoke("run", experiment, "--out", second).stdout.count("every pair is in") == 1


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--for", "5", "'5' is no time; give one like 90s, 60m or 1.5h"),
        ("--for", "-1m", "'-1m' is no time; give one like 90s, 60m or 1.5h"),
        ("--from", ".", ". has no published results; give a folder like docs/results/page"),
    ],
)
def test_a_piece_that_cannot_be_made_is_a_line(invoke: Command, tmp_path: Path, option: str, value: str, says: str):
    """And nothing is begun."""
    experiment = written(tmp_path, SMALL.format('"echo"'))
    done = invoke("run", experiment, "--out", tmp_path / "out", option, value)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "out").glob("round-*"))


@pytest.mark.network  # pip says what cannot be had together
@fault(
    "A recipe and a system require different versions",
    "the recipe pins a version that MLServer's requirements exclude",
    "an absent row with pip's reason, exit code 0",
)
def test_what_cannot_be_had_together_is_a_line_and_a_missing_row(invoke: Command, tmp_path: Path):
    """The other systems are measured, and the experiment is whole; alone, there is nothing to measure."""
    folder = write_recipe(tmp_path / "pinned")
    (version,) = re.findall(r"^uvloop==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    (folder / "requirements.txt").write_text(f"uvloop=={version}\n")
    experiment = written(tmp_path, 'systems = ["fastdeploy", "mlserver"]\n' + SMALL.format('"./pinned"'))
    done = invoke("run", experiment, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "pinned under MLServer is absent: pinned and mlserver cannot be had together: " in done.stdout
    assert "**Absent**: pinned under MLServer" in done.stdout
    assert "uvloop<0.22" in (tmp_path / "out" / layout.ABSENT_CSV).read_text()
    alone = invoke("run", experiment, "--system", "mlserver", "--out", tmp_path / "alone")
    assert alone.returncode == 2
    assert alone.stderr.splitlines()[0] == "error: there is nothing to measure"
    assert "Traceback" not in alone.stderr


@fault("A server dies at its start", "the predictor ends its process on import", "INVALID(server)")
def test_a_server_that_dies_at_start_shows_its_last_log_lines(invoke: Command, tmp_path: Path):
    """What it said last is usually why."""
    predictor = f"import sys\nif '--loop' in sys.argv:\n    sys.exit('this model is not for serving')\n{PREDICTOR}"
    folder = write_recipe(tmp_path / "refusing", predictor=predictor)
    experiment = written(tmp_path, SMALL.format('"./refusing"'))
    done = invoke("run", experiment, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "its loop process ended with exit code 1" in done.stderr
    assert "this model is not for serving" in done.stderr
    log = tmp_path / "out" / "round-1" / "refusing" / "fastdeploy" / "loop.log"
    assert str(log) in done.stderr
    assert log.is_file()
    served = invoke("serve", folder, "--port", 0)
    assert served.returncode == 2
    assert "this model is not for serving" in served.stderr


def test_a_port_that_is_taken_is_told(invoke: Command):
    """And what to do about it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = invoke("serve", "echo", "--port", port)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [f"error: port {port} is taken on 127.0.0.1; choose another with --port"]


def test_a_recipe_is_served_until_ctrl_c_and_refuses_pickle(tmp_path: Path):
    """For Locust started by hand; what a client pickled is not unpickled."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "servecost", "serve", "echo", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    assert f"echo answers at http://127.0.0.1:{port} (optimal_batch_size" in server.stdout.readline()
    refused = requests.post(f"http://127.0.0.1:{port}/infer?input_type=pickle", data=b"\x80\x04]\x94.", timeout=20)
    assert refused.status_code == 400
    assert b"pickle input disallowed" in refused.content
    server.send_signal(signal.SIGINT)
    output, _ = server.communicate(timeout=30)
    assert server.returncode == 0
    assert output == "stopped\n"


def test_a_server_for_another_machine_s_load_listens_where_it_is_told_and_leaves_the_right_answers(tmp_path: Path):
    """Beyond loopback only when asked; the answers go where the load runs."""
    port, folder = free_port(), tmp_path / "served"
    command = [sys.executable, "-m", "servecost", "serve", "echo", "--port", str(port), "--listen", "0.0.0.0"]
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    server = subprocess.Popen([*command, "--folder", str(folder)], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    assert f"echo answers at http://127.0.0.1:{port} " in server.stdout.readline()
    sockets = [c for p in psutil.Process(server.pid).children(recursive=True) for c in p.net_connections("inet")]
    assert {c.laddr.ip for c in sockets if c.status == psutil.CONN_LISTEN and c.laddr.port == port} == {"0.0.0.0"}
    assert answers.read(folder / "expected.json") == list(recipe.load("echo").example)
    server.terminate()
    assert server.wait(PATIENCE_S) == 0
    assert (folder / "rest.log").is_file()
