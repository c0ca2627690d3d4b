"""Writes TorchServe's model archive and configuration, and becomes ``torchserve``."""

import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ["FOLDER"])
MANIFEST = {
    "runtime": "python",
    "model": {"modelName": "recipe", "handler": "server.py", "modelVersion": "1.0"},
    "archiverVersion": "0.12.0",
}
MAX_BODY = 2**30


def write_archive(path: Path) -> None:
    """Write what ``torch-model-archiver`` would: the handler and a manifest."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(Path(__file__).with_name("server.py"), "server.py")
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps(MANIFEST))


def configuration() -> dict[str, Any]:
    """Return TorchServe's options: one worker, loopback, no limits that these requests would meet."""
    inference, management, metrics, grpc_inference, grpc_management = os.environ["PORTS"].split(",")
    host, timeout_s = os.environ["HOST"], int(os.environ["TIMEOUT_S"])
    model = {
        "defaultVersion": True,
        "marName": "recipe.mar",
        "minWorkers": 1,
        "maxWorkers": 1,
        "batchSize": int(os.environ["MAX_BATCH_SIZE"]),
        "maxBatchDelay": int(os.environ["BATCH_WINDOW_MS"]) or 1,
        "responseTimeout": timeout_s,
        "startupTimeout": timeout_s,
    }
    return {
        "inference_address": "http://{}:{}".format(host, inference),
        "management_address": "http://127.0.0.1:{}".format(management),
        "metrics_address": "http://127.0.0.1:{}".format(metrics),
        "grpc_inference_address": "127.0.0.1",
        "grpc_management_address": "127.0.0.1",
        "grpc_inference_port": grpc_inference,
        "grpc_management_port": grpc_management,
        "disable_token_authorization": "true",
        "enable_model_api": "false",
        "max_request_size": MAX_BODY,
        "max_response_size": MAX_BODY,
        "default_response_timeout": timeout_s,
        "default_startup_timeout": timeout_s,
        "job_queue_size": 1000,
        "disable_system_metrics": "true",
        "install_py_dep_per_model": "false",
        "load_models": "recipe.mar",
        "models": json.dumps({"recipe": {"1.0": model}}),
    }


if __name__ == "__main__":
    FOLDER.mkdir()
    write_archive(FOLDER / "recipe.mar")
    config = FOLDER / "config.properties"
    config.write_text("".join("{}={}\n".format(*item) for item in configuration().items()), encoding="utf-8")
    # Its record of its own process and the sockets of its workers are in there: no other TorchServe's are met.
    os.environ["TMPDIR"] = os.environ["TEMP"] = str(FOLDER)
    os.environ["LOG_LOCATION"] = os.environ["METRICS_LOCATION"] = str(FOLDER)
    options = ["--start", "--foreground", "--model-store", str(FOLDER), "--ts-config", str(config)]
    log = Path(__file__).with_name("log4j2.xml")
    more = ["--disable-token-auth", "--no-config-snapshots", "--log-config", str(log)]
    torchserve = str(Path(sys.executable).with_name("torchserve"))
    os.execv(torchserve, [torchserve, *options, *more])
