"""Events posted over HTTP to the real emulator, which runs the handler through the real runtime client."""

import base64
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
from integration.test_events import EXPECTED, EXPECTED_HTTP, EXPECTED_S3

EVENTS = ROOT / "events"


@pytest.fixture(scope="module")
def url(model_root: Path) -> Iterator[str]:
    """Where the service, with the tiny model and an S3 that holds one recording, takes events."""
    program = emulator.binary()
    need(program is not None, "the runtime interface emulator for this machine (aws-sam-cli)")
    assert program is not None
    with local_aws.s3_server() as s3:
        local_aws.put(s3, bucket=make_events.BUCKET, key=make_events.KEY, body=make_events.RECORDING.read_bytes())
        for key in make_events.UPLOAD_KEYS:
            local_aws.put(s3, bucket=make_events.UPLOADS_BUCKET, key=key, body=make_events.RECORDING.read_bytes())
        local_aws.put(s3, bucket=make_events.UPLOADS_BUCKET, key=make_events.NO_RECORDING_KEY, body=b"Dear all,")
        local_aws.create_bucket(s3, make_events.RESULTS_BUCKET)
        environment = {
            **local_aws.ENVIRONMENT,
            "AWS_ENDPOINT_URL_S3": s3,
            "PKAI_BUCKETS": make_events.BUCKET,
            "PKAI_UPLOADS_BUCKET": make_events.UPLOADS_BUCKET,
            "PKAI_RESULTS_BUCKET": make_events.RESULTS_BUCKET,
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
    assert answer["model"]["name"] == "apr"
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


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_direct_event_gets_its_answer(url: str, name: str) -> None:
    answer = post(url, (EVENTS / f"{name}.json").read_bytes())
    expected = EXPECTED[name]
    if expected is None:
        assert answer["recording"]["codec"].startswith("mp3")
    else:
        assert answer["error"]["code"] == expected[0]
        assert expected[1] in answer["error"]["message"]


@pytest.mark.parametrize("name", sorted(EXPECTED_HTTP))
def test_every_http_request_gets_its_status(url: str, name: str) -> None:
    answer = post(url, (EVENTS / f"{name}.json").read_bytes())
    assert set(answer) == {"statusCode", "headers", "body", "isBase64Encoded"}
    assert answer["statusCode"] == EXPECTED_HTTP[name][0]
    body = base64.b64decode(answer["body"]).decode() if answer["isBase64Encoded"] else answer["body"]
    assert EXPECTED_HTTP[name][1] in body


@pytest.mark.parametrize("name", sorted(EXPECTED_S3))
def test_every_event_of_s3_and_eventbridge_comes_to_what_it_must(url: str, name: str) -> None:
    answer = post(url, (EVENTS / f"{name}.json").read_bytes())
    expected = EXPECTED_S3[name]
    if expected is None:
        assert answer["errorType"] == "RecordsFailed"
        assert "objects could not be assessed" in answer["errorMessage"]
    else:  # some were told of by an event before
        assert sum(answer.values()) == sum(expected.values())
        assert answer["passed_over"] == expected.get("passed_over", 0)


def test_an_object_that_cannot_be_read_fails_the_event_by_name(url: str) -> None:
    failed = post(url, (EVENTS / "s3_other_bucket.json").read_bytes())
    assert failed["errorType"] == "RecordsFailed"
    assert "location_not_allowed" in failed["errorMessage"]


def test_a_port_that_is_taken_is_told_before_anything_starts(url: str) -> None:
    program = emulator.binary()
    taken = urlsplit(url).port
    assert program is not None and taken is not None
    with (
        pytest.raises(RuntimeError, match=f"port {taken} is taken; choose another with --port"),
        emulator.running(program, port=taken, environment={}),
    ):
        pass
