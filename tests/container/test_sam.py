"""The image under AWS's own local tools: `sam local invoke` and `sam local start-api`.

Differences: SAM's local API finds no routes where API Gateway's resources are written out, as in our template, so
`start-api` gets a template of its own that sends everything to the function. On an emulated arm64 an empty volume hides
the processors of the emulating machine, which Lambda does not show either.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT, need
from container import bases, emulator, engine
from container.images import ARCHITECTURES, lambda_image
from local_aws import ENVIRONMENT

_HIDES_PROCESSORS = "FROM {image}\nVOLUME /sys/devices/system/cpu\n"
_API = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Judge:
    Type: AWS::Serverless::Function
    Properties:
      PackageType: Image
      ImageUri: {image}
      Architectures: [x86_64]
      MemorySize: 1769
      Timeout: 300
      Events:
        Everything: {{Type: HttpApi, Properties: {{Path: "/{{proxy+}}", Method: ANY}}}}
"""


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda architecture: architecture.debian)
def test_sam_local_invoke_scores_as_this_machine_does(
    architecture: bases.Architecture, expected_score: float, tmp_path: Path
) -> None:
    image = _for_sam(lambda_image(architecture), tmp_path)
    template = tmp_path / "template.yaml"
    said = {"amd64": "[x86_64]", "arm64": "[arm64]"}[architecture.debian]
    template.write_text(
        (ROOT / "template.yaml").read_text().replace("Architectures: [arm64]", f"Architectures: {said}")
    )
    event = ROOT / "events" / "direct_base64.json"
    done = subprocess.run(
        [_sam(), "local", "invoke", "Judge", "--template", template, "--event", event, "--skip-pull-image",
         "--parameter-overrides", f"ImageUri={image}"],
        env=_environment(tmp_path), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["score"] == pytest.approx(expected_score, abs=1e-3)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of loopback on which `sam local start-api` answers."""
    folder, port = tmp_path_factory.mktemp("api"), emulator.free_port()
    image = _for_sam(lambda_image(bases.AMD64), folder)
    template = folder / "template.yaml"
    template.write_text(_API.format(image=image))
    command = [str(_sam()), "local", "start-api", "--template", str(template), "--port", str(port), "--skip-pull-image"]
    log = folder / "log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [*command, "--warm-containers", "LAZY"], env=_environment(folder), stdout=said, stderr=said
        )
    try:
        engine.wait_for_port(port)
        yield port
    finally:
        process.terminate()
        process.wait()
        print(log.read_text())


def test_sam_local_api_takes_a_recording(api: int, expected_score: float) -> None:
    body = (ROOT / "events" / "direct_base64.json").read_bytes()  # as it is it would not pass: SAM reads bodies as text
    status, answer = _ask(api, "POST", "/v1/assessments", body, {"Content-Type": "application/json"})
    assert status == 200
    assert answer["score"] == pytest.approx(expected_score, abs=1e-3)


def test_sam_local_api_tells_what_is_wrong(api: int) -> None:
    status, answer = _ask(api, "POST", "/v1/assessments", b"{}", {"Content-Type": "application/json"})
    assert status == 400
    assert answer["error"]["code"] == "invalid_request"


def _ask(port: int, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    with closing(HTTPConnection(emulator.HOST, port, timeout=300)) as connection:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())


def _for_sam(image: str, folder: Path) -> str:
    """An image under a name of its own, as SAM removes other images of the name that it is given."""
    name = image.replace("pkai-test/", "pkai-test-sam/")
    if not image.endswith("arm64") or os.uname().machine == "aarch64":
        subprocess.run(["docker", "tag", image, name], check=True)
        return name
    (folder / "Dockerfile").write_text(_HIDES_PROCESSORS.format(image=image))
    quiet = {**os.environ, "DOCKER_BUILDKIT": "0"}
    subprocess.run(["docker", "build", "--tag", name, folder], env=quiet, check=True, capture_output=True)
    return name


def _sam() -> Path:
    path = Path(sys.executable).with_name("sam")
    need(path.is_file(), "sam (aws-sam-cli)")
    return path


def _environment(home: Path) -> dict[str, str]:
    return {**ENVIRONMENT, "HOME": str(home), "SAM_CLI_TELEMETRY": "0", "PATH": os.environ["PATH"]}
