"""Events posted over HTTP to the real emulator, which runs the handler through the real runtime client."""

import json
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import local_aws
from conftest import ROOT, need
from container import emulator
from events import make_events

EVENTS = ROOT / "events"


@pytest.fixture(scope="module")
def url(model_root: Path) -> Iterator[str]:
    """Where the service, with the tiny model and an S3 that holds one recording, takes events."""
    program = emulator.binary()
    need(program is not None, "the runtime interface emulator for this machine (aws-sam-cli)")
    assert program is not None
    with local_aws.s3_server() as s3:
        local_aws.put(s3, bucket=make_events.BUCKET, key=make_events.KEY, body=make_events.RECORDING.read_bytes())
        environment = {
            **local_aws.ENVIRONMENT,
            "AWS_ENDPOINT_URL_S3": s3,
            "PKAI_BUCKETS": make_events.BUCKET,
            "PKAI_MODEL_DIR": str(model_root),
        }
        with emulator.running(program, port=emulator.free_port(), environment=environment) as (listening, _):
            yield listening


def post(url: str, body: bytes) -> dict[str, Any]:
    place = urlsplit(url)
    with closing(HTTPConnection(place.netloc, timeout=60)) as connection:
        connection.request("POST", place.path, body)
        response = connection.getresponse()
        assert response.status == 200
        answer: dict[str, Any] = json.loads(response.read())
    return answer


def test_a_recording_in_the_event_is_assessed(url: str) -> None:
    answer = post(url, (EVENTS / "direct_base64.json").read_bytes())
    assert answer["model"]["name"] == "pdr"
    assert 0 <= answer["rating"] <= 100


def test_a_recording_in_s3_is_assessed(url: str) -> None:
    answer = post(url, (EVENTS / "direct_s3.json").read_bytes())
    assert answer["recording"]["duration_s"] == pytest.approx(30, abs=15)
    assert answer["timeline"][-1]["end_s"] == pytest.approx(answer["recording"]["played_to_s"], abs=0.1)


def test_an_empty_event_is_told_what_to_send(url: str) -> None:
    error = post(url, b"{}")["error"]
    assert error["code"] == "invalid_request"
    assert error["message"].startswith('audio is missing; send {"audio": {"base64": "…"}}')
    assert error["request_id"]


@pytest.mark.parametrize(
    ("name", "code"),
    [("not_audio", "unsupported_audio"), ("silent", "silent_recording"), ("missing_object", "recording_not_found")],
)
def test_what_cannot_be_judged_is_answered_without_a_traceback(url: str, name: str, code: str) -> None:
    answer = post(url, (EVENTS / f"{name}.json").read_bytes())
    assert list(answer) == ["error"]
    assert answer["error"]["code"] == code


def test_a_port_that_is_taken_is_told_before_anything_starts(url: str) -> None:
    program = emulator.binary()
    taken = urlsplit(url).port
    assert program is not None and taken is not None
    with (
        pytest.raises(RuntimeError, match=f"port {taken} is taken; choose another with --port"),
        emulator.running(program, port=taken, environment={}),
    ):
        pass
