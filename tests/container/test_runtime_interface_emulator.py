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
        for key in (*make_events.UPLOAD_KEYS, make_events.NO_RECORDING_KEY):
            local_aws.put(s3, bucket=make_events.UPLOADS_BUCKET, key=key, body=make_events.RECORDING.read_bytes())
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


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("http_assess_recording", 200),
        ("http_assess_first_payload", 200),
        ("http_assess_function_url", 200),
        ("http_offer_upload", 201),
        ("http_find_nothing", 404),
        ("http_not_json", 400),
        ("http_openapi", 200),
    ],
)
def test_an_http_request_is_answered_as_the_gateway_wants_it(url: str, name: str, status: int) -> None:
    answer = post(url, (EVENTS / f"{name}.json").read_bytes())
    assert set(answer) == {"statusCode", "headers", "body", "isBase64Encoded"}
    assert answer["statusCode"] == status


def test_s3_and_eventbridge_tell_of_uploads_and_each_is_assessed_once(url: str) -> None:
    told = [post(url, (EVENTS / f"{name}.json").read_bytes()) for name in ("eventbridge_created", "s3_many", "s3_many")]
    assert [answer["assessed"] for answer in told] == [1, 2, 0]
    assert [answer["repeated"] for answer in told] == [0, 1, 3]
    found = post(url, (EVENTS / "http_find_pending.json").read_bytes())
    assert json.loads(found["body"])["status"] == "done"


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
