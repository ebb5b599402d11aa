"""Sampled invocations are traced: what the handler sends to the X-Ray daemon is read from a socket of our own."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled={}"
INVOKE = """
import sys, service
for event in ({}, {"requestContext": {"http": {"method": "GET", "path": "/"}}, "rawPath": "/v1/nowhere"}):
    service.invoke(event)
print(*(name for name in sys.modules if name == "aws_xray_sdk"))
"""


@pytest.fixture
def daemon() -> Iterator[socket.socket]:
    """Where segments are sent to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(5)
        yield listening


def invoke(daemon: socket.socket, model_root: Path, *, sampled: int) -> str:
    """Let a process of its own answer two events as Lambda has it; returns what it printed."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(ROOT / "lambda"), str(ROOT / "tests"))),
        "LAMBDA_TASK_ROOT": str(ROOT / "lambda"),
        "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}",
        "_X_AMZN_TRACE_ID": TRACE.format(sampled),
        "PKAI_MODEL_DIR": str(model_root),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", INVOKE], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def received(daemon: socket.socket) -> dict[str, Any]:
    head, _, segment = daemon.recv(65_536).partition(b"\n")
    assert json.loads(head) == {"format": "json", "version": 1}
    told: dict[str, Any] = json.loads(segment)
    return told


def test_each_sampled_invocation_sends_its_part_with_kind_and_error(daemon: socket.socket, model_root: Path) -> None:
    assert invoke(daemon, model_root, sampled=1) == "aws_xray_sdk"
    direct, http = received(daemon), received(daemon)
    assert direct["name"] == http["name"] == "## handler"
    assert (direct["trace_id"], direct["parent_id"]) == ("1-5759e988-bd862e3fe1be46a994272793", "53995c3f42cd8ad8")
    assert direct["annotations"] == {"event": "direct", "cold_start": True, "error": "invalid_request"}
    assert http["annotations"] == {"event": "http", "cold_start": False, "error": "route_not_found"}
    assert direct["end_time"] >= direct["start_time"]


def test_where_nothing_is_sampled_the_sdk_is_not_even_imported(daemon: socket.socket, model_root: Path) -> None:
    assert invoke(daemon, model_root, sampled=0) == ""
    daemon.settimeout(0.1)
    with pytest.raises(TimeoutError):
        daemon.recv(65_536)
