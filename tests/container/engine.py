"""The Docker engine: build an image from this checkout, run it as AWS Lambda does, and ask it."""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from conftest import ROOT
from container import bases, emulator

MEMORY_MB = 1769  # the template's default: one whole vCPU
# Read-only but for /tmp, one vCPU, a user without rights and none to gain; and, as it is on arm64 there, without
# /sys/devices/system/cpu.
AS_LAMBDA_RUNS_IT = (
    "--read-only", "--tmpfs", "/tmp", "--tmpfs", "/sys:ro",  # noqa: S108
    "--cpus", "1", "--memory", f"{MEMORY_MB}m", "--memory-swap", f"{MEMORY_MB}m",
    "--user", "65534:65534", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
)  # fmt: skip
_ANSWERS_WITHIN_S = 300


def is_running() -> bool:
    """Whether there is an engine that answers."""
    try:
        return subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def emulates(architecture: bases.Architecture) -> bool:
    """Whether this machine runs programs of an architecture, its own or through qemu."""
    if os.uname().machine == architecture.machine:
        return True
    return Path(f"/proc/sys/fs/binfmt_misc/qemu-{architecture.machine}").is_file()


def build(dockerfile: str, name: str, architecture: bases.Architecture, base: str, **arguments: str) -> str:
    """Build an image from this checkout; unchanged layers come from the engine's cache. Returns its name.

    Parameters
    ----------
    arguments : further arguments of the build, beside BASE

    Raises
    ------
    RuntimeError
        With the end of what the build said, if it fails.
    """
    given = [part for key, value in {"BASE": base, **arguments}.items() for part in ("--build-arg", f"{key}={value}")]
    done = subprocess.run(
        ["docker", "build", "--network", "host", "--platform", architecture.platform, *given,
         "--file", ROOT / dockerfile, "--tag", name, ROOT],
        env={**os.environ, "DOCKER_BUILDKIT": "0"},  # BuildKit asks a registry for every base, even one that is here
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{dockerfile} does not build: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return name


def output(image: str, *command: str, options: tuple[str, ...] = ()) -> str:
    """What a command says that runs in an image instead of the service."""
    program, *arguments = command
    done = subprocess.run(
        ["docker", "run", "--rm", *options, "--entrypoint", program, image, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def container(image: str, *arguments: str, options: tuple[str, ...]) -> Iterator[str]:
    """Run a container while the block lasts; yields its id. What it logged is printed when it goes."""
    started = subprocess.run(
        ["docker", "run", "--detach", *options, image, *arguments], capture_output=True, text=True, check=False
    )
    assert started.returncode == 0, started.stderr
    identity = started.stdout.strip()
    try:
        yield identity
    finally:
        logs = subprocess.run(["docker", "logs", identity], capture_output=True, text=True, check=False)
        print(logs.stdout, logs.stderr)
        subprocess.run(["docker", "rm", "--force", identity], capture_output=True, check=False)


@contextmanager
def function(image: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Run an image as Lambda would, on this machine's loopback; yields the URL that takes events.

    The emulator stands where Lambda does, so that the image's own entry point asks it for events.
    """
    port, runtime_port = emulator.free_port(), emulator.free_port()
    given = [part for name, value in environment.items() for part in ("--env", f"{name}={value}")]
    arguments = (
        "--runtime-interface-emulator-address", f"{emulator.HOST}:{port}",
        "--runtime-api-address", f"{emulator.HOST}:{runtime_port}", "/var/task/bootstrap", "handler.handler",
    )  # fmt: skip
    options = (*AS_LAMBDA_RUNS_IT, "--network", "host", *given, "--entrypoint", "aws-lambda-rie")
    with container(image, *arguments, options=options):
        wait_for_port(port)
        yield f"http://{emulator.HOST}:{port}{emulator.INVOCATIONS}"


def wait_for_port(port: int, *, within_s: float = 120) -> None:
    """Return as soon as somebody listens on a port of loopback."""
    give_up_at = time.monotonic() + within_s
    while not emulator.listens(port):
        assert time.monotonic() < give_up_at, f"nobody listens on port {port} after {within_s:g} s"
        time.sleep(0.1)


def wait_for_answer(port: int, *, within_s: float = 120) -> None:
    """Return as soon as HTTP is answered on a port of loopback; where a port is published the engine itself listens."""
    give_up_at = time.monotonic() + within_s
    while True:
        try:
            with closing(HTTPConnection(emulator.HOST, port, timeout=within_s)) as connection:
                connection.request("GET", "/")
                connection.getresponse().read()
                return
        except (OSError, HTTPException) as err:
            assert time.monotonic() < give_up_at, f"nobody answers on port {port} after {within_s:g} s: {err!r}"
            time.sleep(0.1)


def post(url: str, body: bytes) -> dict[str, Any]:
    """Post an event; returns the answer's JSON."""
    place = urlsplit(url)
    with closing(HTTPConnection(place.netloc, timeout=_ANSWERS_WITHIN_S)) as connection:
        connection.request("POST", place.path, body)
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
    return answer
