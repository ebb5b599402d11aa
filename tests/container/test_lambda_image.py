"""`Dockerfile.lambda` built by a real engine for both architectures, run as Lambda runs it, and asked over HTTP."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import local_aws
from conftest import ROOT
from container import emulator, engine
from events import make_events

MAX_UNPACKED_MB = 330
# What runs inside the image to tell what lies in it.
_INVENTORY = """
import json, pathlib, shutil
task = pathlib.Path("/var/task")
files = [str(path.relative_to(task)) for path in task.rglob("*") if path.is_file()]
sources = [path for path in task.rglob("*.py")]
bare = [str(path) for path in sources if not list((path.parent / "__pycache__").glob(path.stem + ".*.pyc"))]
print(json.dumps({
    "files": files, "without_bytecode": bare,
    "bytes": sum((task / name).stat().st_size for name in files),
    "compilers": [name for name in ("cc", "gcc", "g++", "clang", "ld") if shutil.which(name)],
}))
"""


def test_the_image_holds_what_answers_and_nothing_else(image: str) -> None:
    held = json.loads(engine.output(image, "python3", "-c", _INVENTORY))
    own = {name.split("/")[0] for name in held["files"]}
    assert {"bootstrap", "handler.py", "pkai", "model"} <= own
    assert not {"torch", "training", "tests", "librosa", "pip"} & own
    assert not [name for name in held["files"] if name.endswith(("weights.npz", ".ckpt", ".a"))]
    assert held["compilers"] == []
    assert held["without_bytecode"] == []
    assert held["bytes"] < MAX_UNPACKED_MB * 1e6


def test_the_image_scores_as_this_machine_does(image: str, s3: str, expected_score: float) -> None:
    environment = {
        **local_aws.ENVIRONMENT,
        "AWS_ENDPOINT_URL_S3": s3,
        "PKAI_BUCKETS": make_events.BUCKET,
        "PKAI_UPLOADS_BUCKET": make_events.UPLOADS_BUCKET,
        "PKAI_RESULTS_BUCKET": make_events.RESULTS_BUCKET,
    }
    with engine.function(image, environment) as url:
        for name in ("direct_base64", "direct_s3"):
            answer = engine.post(url, (ROOT / "events" / f"{name}.json").read_bytes())
            assert answer.get("score") == pytest.approx(expected_score, abs=1e-3), answer
        told = engine.post(url, (ROOT / "events" / "eventbridge_created.json").read_bytes())
        assert told["assessed"] + told["repeated"] == 1, told
        refused = engine.post(url, (ROOT / "events" / "not_audio.json").read_bytes())
        assert refused["error"]["code"] == "unsupported_audio"


def test_the_image_answers_by_itself_on_port_8080(image: str) -> None:
    port = emulator.free_port()
    published = ("--publish", f"{emulator.HOST}:{port}:8080")
    with engine.container(image, options=(*engine.AS_LAMBDA_RUNS_IT, *published)):
        engine.wait_for_answer(port)
        answer = engine.post(f"http://{emulator.HOST}:{port}{emulator.INVOCATIONS}", b"{}")
    assert answer["error"]["code"] == "invalid_request"


def test_the_locked_wheels_fit_the_base_image_of_aws(tmp_path: Path) -> None:
    """Amazon Linux 2023 has glibc 2.34, and AWS's image CPython 3.12: pip itself says whether every wheel fits."""
    platforms = [part for minor in range(17, 35) for part in ("--platform", f"manylinux_2_{minor}_aarch64")]
    done = subprocess.run(
        [
            sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps", "--only-binary", ":all:",
            "--require-hashes", "--target", str(tmp_path), "--python-version", "3.12", "--implementation", "cp",
            *platforms, "--platform", "manylinux2014_aarch64", "--requirement",
            str(ROOT / "requirements" / "inference.lock"),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
