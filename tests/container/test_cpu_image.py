"""`Dockerfile.cpu` built by a real engine: it scores, and trains a network of a few weights on a ladder of seconds.

Differences: without fluidsynth, as the base made here cannot install Debian's packages; the ladder is rendered outside.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from conftest import need
from container import bases, emulator, engine
from events import make_events
from integration.test_training import LADDER, sources
from training.ladder import shards
from training.sound import instruments

MAX_UNPACKED_MB = 2300
_PORT = 18_907  # the same each time, as the engine finds a layer again by what its build was given


@pytest.fixture(scope="module")
def cpu_image() -> str:
    """The image for this machine's architecture."""
    need(engine.is_running(), "a Docker engine that answers (docker.io; .ci/run starts it)")
    (architecture,) = (one for one in (bases.AMD64, bases.ARM64) if one.machine == os.uname().machine)
    base = bases.debian(architecture)
    with _torch() as where:
        arguments = {"SYNTHESIZER": "", **({"TORCH": where} if where else {})}
        return engine.build("Dockerfile.cpu", "pkai-test/cpu", architecture, base, **arguments)


def test_it_scores_as_this_machine_does(cpu_image: str, expected_score: float) -> None:
    options = ("--volume", f"{make_events.RECORDING.parent}:/data:ro")
    said = engine.output(cpu_image, "pkai", "score", make_events.RECORDING.name, "--json", options=options)
    assert json.loads(said)["score"] == pytest.approx(expected_score, abs=1e-3)


def test_it_trains(cpu_image: str, tmp_path: Path) -> None:
    need(bool(instruments.available(tmp_path)), "a piano sound font")
    shards.build(sources(tmp_path), tmp_path / "ladder", tmp_path, LADDER, n_workers=1)
    said = engine.output(
        cpu_image, "pkai-train", "fit", "--config", "/pkai/training/configs/tiny.yaml", "--ladder", "ladder",
        "--out", "run", "--threads", "1", options=("--volume", f"{tmp_path}:/data", "--user", str(os.getuid())),
    )  # fmt: skip
    assert (tmp_path / "run" / Path(said.strip()).name).is_file(), said


def test_nobody_in_it_has_rights(cpu_image: str) -> None:
    assert engine.output(cpu_image, "id", "-u") == "65534\n"


def test_it_weighs_no_more_than_a_build_for_cpus(cpu_image: str) -> None:
    size = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{.Size}}", cpu_image], capture_output=True, text=True, check=True
    )
    assert int(size.stdout) < MAX_UNPACKED_MB * 1e6


@contextmanager
def _torch() -> Iterator[str]:
    """What tells pip of the builds of torch that are laid ready on this machine; empty if there are none."""
    told = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    places = {Path(place) for line in told.stdout.splitlines() if ".find-links=" in line for place in _quoted(line)}
    laid = [place for place in places if list(place.glob("torch-*.whl"))]
    if not laid:
        yield ""
        return
    with ThreadingHTTPServer((emulator.HOST, _PORT), partial(_Quiet, directory=str(laid[0]))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"--no-index --find-links http://{emulator.HOST}:{_PORT}"
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


def _quoted(line: str) -> list[str]:
    return line.partition("=")[2].strip("'").split()
