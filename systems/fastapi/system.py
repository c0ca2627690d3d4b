"""FastAPI by hand: the server that people write themselves, run by uvicorn as FastAPI's documentation says."""

from __future__ import annotations

from servecost.core.system import Served, ServerProcess, System

from .wire import FastApiWire


class FastApi(System):
    """One uvicorn process that runs ``server.py`` on the copy's predictor."""

    label = "FastAPI by hand"

    def wire(self, input_type: str) -> FastApiWire:
        """Return the wire of ``server.py``."""
        return FastApiWire(input_type)

    def processes(self, served: Served) -> list[ServerProcess]:
        """Return the one process, in the copy's folder, from which it imports the predictor."""
        options = {
            "--app-dir": self.folder,
            "--host": served.host,
            "--port": served.port,
            "--timeout-keep-alive": served.request_timeout_s,  # clients connect before the release
            "--log-level": "warning",  # no line for each request
        }
        words = [str(word) for option in options.items() for word in option]
        command = (served.python, "-m", "uvicorn", "server:app", *words)
        return [ServerProcess("uvicorn", command, {"PYTHONPATH": str(served.copy)}, served.copy)]


system = FastApi()
