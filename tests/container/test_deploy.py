"""`deploy.sh` from a commit to an answer: AWS is moto's server, ECR a real registry, Lambda the image that was pushed.

Differences: moto runs no image and expands no SAM template, so a front passes invocations to a container of the image
that the function names, as Lambda would pull it, and everything else to moto; and the stack is a small one. A change
set without changes moto refuses, where AWS takes it and then tells that it failed: the front does. Of a stack deployed
by change set moto tells no outputs, so of the addresses only the names are seen here.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

import boto3.session
import pytest
from moto.cloudformation.models import ChangeSet

import local_aws
from conftest import ROOT, need
from container import bases, emulator, engine
from container.images import lambda_image

_STACK = """\
Parameters:
  ImageUri: {Type: String}
  Greeting: {Type: String, Default: none}
Resources:
  Judge:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: !Sub "${AWS::StackName}-judge"
      PackageType: Image
      Code: {ImageUri: !Ref ImageUri}
      Role: !GetAtt Role.Arn
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]
"""
_NO_CHANGES = "No updates are to be performed"
_CHANGE_SET = """\
<{action}Response><{action}Result><Id>{name}</Id><StackId>pkai-test</StackId><Status>FAILED</Status>
<StatusReason>{reason}.</StatusReason></{action}Result></{action}Response>
"""
_DENIED = """\
<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>
<Message>you are not authorized to perform: {action}</Message></Error></ErrorResponse>
"""
_ENDED = {"connection", "transfer-encoding", "content-length"}


class Front(BaseHTTPRequestHandler):
    """Invocations go to a container of the function's image; all the rest of AWS is moto."""

    moto = ""
    without_changes: ClassVar[set[str]] = set()
    denied: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        """Pass on a request."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path.endswith("/invocations"):
            self._invoke(body)
            return
        asked = dict(parse_qsl(body.decode("latin-1")))
        action, change_set = asked.get("Action", ""), asked.get("ChangeSetName", "")
        if action in self.denied:
            self._say(403, {"Content-Type": "text/xml"}, _DENIED.format(action=action).encode())
            return
        if action == "DescribeChangeSet" and change_set in self.without_changes:
            self._say_that_nothing_changes(action, change_set)
            return
        with closing(HTTPConnection(urlsplit(self.moto).netloc, timeout=120)) as connection:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
        if action == "CreateChangeSet" and _NO_CHANGES.encode() in content:
            self.without_changes.add(change_set)
            self._say_that_nothing_changes(action, change_set)
        else:
            self._say(answer.status, dict(answer.getheaders()), content)

    do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""

    def _invoke(self, event: bytes) -> None:
        name, _, _ = unquote(self.path.split("/")[3]).partition(":")
        code = client("lambda", self.moto).get_function(FunctionName=name)["Code"]
        subprocess.run(["docker", "pull", "--quiet", code["ImageUri"]], check=True, capture_output=True)
        with engine.function(code["ImageUri"], {}) as url:
            answer = engine.post(url, event)
        failed = {"X-Amz-Function-Error": "Unhandled"} if "errorType" in answer else {}
        self._say(200, {"Content-Type": "application/json", **failed}, json.dumps(answer).encode())

    def _say_that_nothing_changes(self, action: str, change_set: str) -> None:
        told = _CHANGE_SET.format(action=action, name=change_set, reason=_NO_CHANGES)
        self._say(200, {"Content-Type": "text/xml"}, told.encode())

    def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in _ENDED:
                self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def client(service: str, endpoint: str) -> Any:
    """A client of moto."""
    return boto3.session.Session().client(
        service,  # type: ignore[call-overload]
        endpoint_url=endpoint,
        region_name=local_aws.REGION,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",  # noqa: S106
    )


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry of images on loopback."""
    program = shutil.which("docker-registry")
    need(program is not None, "docker-registry")
    folder, port = tmp_path_factory.mktemp("registry"), emulator.free_port()
    config = folder / "config.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}}}}}\n"
        f"http: {{addr: '{emulator.HOST}:{port}'}}\n"
    )
    process = subprocess.Popen([str(program), "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        engine.wait_for_port(port)
        yield f"{emulator.HOST}:{port}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def aws() -> Iterator[tuple[str, str]]:
    """AWS on loopback; yields its endpoint and moto's own."""
    with local_aws.s3_server() as moto:
        front = ThreadingHTTPServer((emulator.HOST, 0), type("FrontOfThisMoto", (Front,), {"moto": moto}))
        Thread(target=front.serve_forever, daemon=True).start()
        try:
            yield f"http://{emulator.HOST}:{front.server_port}", moto
        finally:
            front.shutdown()
            front.server_close()


@pytest.fixture(autouse=True)
def moto_remembers_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moto keeps the former parameters where it executes a change set, and would take going back for no change."""
    applied = ChangeSet.apply

    def apply(change_set: ChangeSet) -> None:
        applied(change_set)
        change_set.stack.parameters = change_set.parameters

    monkeypatch.setattr(ChangeSet, "apply", apply)


def test_a_commit_is_deployed_again_and_a_broken_one_is_put_back(
    registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(shutil.which("aws") is not None, "the AWS command line (awscli)")
    lambda_image(bases.ARM64)  # so that the script's build finds its layers
    checkout = _checkout(tmp_path / "checkout")
    with aws() as (endpoint, moto):
        environment = _environment(tmp_path, endpoint, registry)
        done = _deploy(checkout, environment, "Greeting=hello there")
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("ApiUrl\t")
        deployed = _parameters(moto)
        assert deployed["ImageUri"].startswith(f"{registry}/pkai@sha256:")
        assert deployed["Greeting"] == "hello there"

        again = _deploy(checkout, environment)
        assert again.returncode == 0, again.stderr
        assert again.stderr.count("it is there") == 2, "neither repository nor image is made twice"
        assert _parameters(moto) == deployed

        with monkeypatch.context() as denying:
            denying.setattr(Front, "denied", {"DescribeStacks"})
            denied = _deploy(checkout, environment, "Greeting=anew")
        assert denied.returncode == 1, "a stack that may not be looked at is none that is missing"
        assert "you are not authorized to perform: DescribeStacks" in denied.stderr
        assert _parameters(moto) == deployed

        (checkout / "lambda" / "handler.py").write_text("def handler(event, context):\n    return {'rated': False}\n")
        _commit(checkout)
        broken = _deploy(checkout, environment)
        assert broken.returncode == 1
        assert "the answer holds no rating" in broken.stderr
        assert "Putting back what was deployed before" in broken.stderr
        assert _parameters(moto) == deployed


def _checkout(folder: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    for name in (
        "deploy.sh",
        "Dockerfile.lambda",
        ".dockerignore",
        "requirements",
        "lambda",
        "model",
        "infra",
        "events",
    ):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(ROOT / name, folder / name)
    (folder / "template.yaml").write_text(_STACK)
    _commit(folder)
    return folder


def _commit(checkout: Path) -> None:
    who = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    subprocess.run(["git", "-C", checkout, "add", "--all"], check=True)
    subprocess.run(["git", "-C", checkout, *who, "commit", "--quiet", "--message", "change"], check=True)


def _environment(folder: Path, endpoint: str, registry: str) -> dict[str, str]:
    programs = folder / "bin"
    programs.mkdir()
    # The client that built the layers, as another version finds none of them again; and the AWS command line of Debian.
    for name, path in (
        ("docker", shutil.which("docker")),
        ("aws", shutil.which("aws", path=f"/usr/bin:{os.environ['PATH']}")),
    ):
        (programs / name).symlink_to(str(path))
    return {
        **local_aws.ENVIRONMENT,
        "AWS_REGION": local_aws.REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "BASE": bases.lambda_base(bases.ARM64),
        "DOCKER_BUILDKIT": "0",
        "HOME": str(folder),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "REGISTRY": registry,
    }


def _deploy(checkout: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(checkout / "deploy.sh"), "--stack", "pkai-test", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def _parameters(moto: str) -> dict[str, str]:
    stack = client("cloudformation", moto).describe_stacks(StackName="pkai-test")["Stacks"][0]
    return {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack["Parameters"]}
