"""The image by the share of a vCPU: cold and warm latency, throughput, and what a thousand answers cost.

The engine gives the container its share as Lambda does, by quota (`docker run --cpus`), with the memory that buys it,
read-only and without rights. The emulator in the image starts the service at the first event, and logs how long its
init phase took. One event is answered at a time, as in a Lambda instance.
"""

import base64
import json
import re
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from benchmarks import engine
from benchmarks.price import usd_per_1000
from benchmarks.records import Measured
from benchmarks.spread import spread
from pkai.settings import MEMORY_MB_PER_VCPU

SHARES = (0.5, 1.0, 2.0)
COLD_STARTS = 3
WARM_EVENTS = 5
_HOST = "127.0.0.1"
_INVOCATIONS = "/2015-03-31/functions/function/invocations"
_STARTS_WITHIN_S = 60


def measure(image: str, recording: Path, length_s: float, shares: tuple[float, ...] = SHARES) -> Measured:
    """Ask containers of an image about a recording, several of them for each share."""
    event = json.dumps({"audio": {"base64": base64.b64encode(recording.read_bytes()).decode()}}).encode()
    return {"length_s": length_s, "rows": [_measured(image, event, share) for share in shares]}


def table(recorded: Measured) -> Iterator[str]:
    """Lines of a Markdown table."""
    yield f"| vCPU | memory | init phase | first answer, {recorded['length_s']:g} s | warm | a minute | 1,000 of them |"
    yield "|---|---|---|---|---|---|---|"
    for row in recorded["rows"]:
        warm_s = statistics.median(row["warm_s"])
        yield (
            f"| {row['vcpus']:g} | {row['memory_mb']} MB | {spread(row['init_s'])} s | {spread(row['first_s'])} s "
            f"| {spread(row['warm_s'])} s | {60 / warm_s:.0f} | ${usd_per_1000(warm_s, row['memory_mb']):.4f} |"
        )


def _measured(image: str, event: bytes, vcpus: float) -> Measured:
    memory_mb = round(vcpus * MEMORY_MB_PER_VCPU)
    seconds: dict[str, list[float]] = {"init_s": [], "first_s": [], "warm_s": []}
    for _ in range(COLD_STARTS):
        with _container(image, vcpus, memory_mb) as (identity, port):
            seconds["first_s"].append(_answered(port, event))
            seconds["warm_s"].extend(_answered(port, event) for _ in range(WARM_EVENTS))
            seconds["init_s"].append(_init_s(engine.logs(identity)))
    return {"vcpus": vcpus, "memory_mb": memory_mb, **seconds}


def _init_s(logged: str) -> float:
    told = re.search(r"INIT REPORT\(durationMs: ([\d.]+)", logged)
    if told is None:
        raise RuntimeError(f"the emulator does not tell how long the init phase took: {logged[-500:]}")
    return float(told[1]) / 1e3


@contextmanager
def _container(image: str, vcpus: float, memory_mb: int) -> Iterator[tuple[str, int]]:
    """Run a container while the block lasts; yields its id, and the port that the emulator in it listens on."""
    with socket.create_server((_HOST, 0)) as listening:
        port: int = listening.getsockname()[1]
    options = (
        "--cpus", str(vcpus), "--memory", f"{memory_mb}m", "--memory-swap", f"{memory_mb}m",
        "--env", f"AWS_LAMBDA_FUNCTION_MEMORY_SIZE={memory_mb}", "--publish", f"{_HOST}:{port}:8080",
        "--read-only", "--tmpfs", "/tmp", "--user", "65534:65534",  # noqa: S108  # the container's
    )  # fmt: skip
    identity = engine.docker("run", "--detach", *options, image).strip()
    try:
        _wait_for_answer(port)
        yield identity, port
    finally:
        engine.docker("rm", "--force", identity)


def _wait_for_answer(port: int) -> None:
    """Return as soon as the emulator answers; of the service behind it nothing runs before the first event."""
    give_up_at = time.monotonic() + _STARTS_WITHIN_S
    while True:
        try:
            _ask(port, "GET", "/", b"")
        except (OSError, HTTPException):
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.05)
        else:
            return


def _answered(port: int, event: bytes) -> float:
    """Seconds from an event to its answer."""
    start = time.perf_counter()
    answer = json.loads(_ask(port, "POST", _INVOCATIONS, event))
    seconds = time.perf_counter() - start
    if "rating" not in answer:
        raise RuntimeError(f"the image does not rate the recording: {str(answer)[:500]}")
    return seconds


def _ask(port: int, method: str, path: str, body: bytes) -> bytes:
    with closing(HTTPConnection(_HOST, port, timeout=_STARTS_WITHIN_S)) as connection:
        connection.request(method, path, body)
        return connection.getresponse().read()
