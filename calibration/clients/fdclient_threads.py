"""fastDeploy's own client, a thread for each request in flight; it encodes the inputs for every request.

Without compression, which it leaves out where there is no zstandard. Prints requests and seconds.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

sys.modules["zstandard"] = None  # type: ignore[assignment]  # its option to do without is not heeded
sys.path.insert(0, os.environ["FDCLIENT"])

import msgpack  # noqa: E402
from fdclient import FDClient  # noqa: E402

INPUTS = msgpack.unpackb(Path(os.environ["INPUTS"]).read_bytes())


def main(address: str, concurrency: int, seconds: float) -> None:
    """Send for so many seconds."""
    client = FDClient(address, request_timeout=600)
    begin = time.perf_counter()
    done = [0] * concurrency

    def send(number: int) -> None:
        while time.perf_counter() < begin + seconds:
            assert client.infer(INPUTS)["success"]
            done[number] += 1

    threads = [threading.Thread(target=send, args=(number,)) for number in range(concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"requests": sum(done), "seconds": time.perf_counter() - begin}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
