"""Every file of `events/` through the handler, S3 being moto's server, and each held to what it must be answered."""

import base64
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import handler
import local_aws
import service
from conftest import ROOT, need
from events import make_events
from pkai import storage
from pkai.errors import RecordsFailed
from pkai.settings import DEFAULT_MODEL_ROOT

EVENTS = ROOT / "events"
# Name of the file -> code of the error, and a part of its message; None where an assessment is due.
EXPECTED: dict[str, tuple[str, str] | None] = {
    "direct_base64": None,
    "direct_s3": None,
    "empty": ("invalid_request", 'audio is missing; send {"audio": {"base64": "…"}}'),
    "not_an_object": ("invalid_request", "the request is not a JSON object; send"),
    "both_sources": ("one_audio_source", "audio needs exactly one of base64 and s3; send"),
    "neither_source": ("one_audio_source", "audio needs exactly one of base64 and s3; send"),
    "wrong_types": ("invalid_request", "audio.base64: Input should be a valid string; references: "),
    "unknown_field": ("invalid_request", "colour is not known, the fields are audio, piece, references, model"),
    "bad_base64": ("invalid_base64", "the recording is not base64; send the bytes of the file"),
    "bad_location": ("invalid_request", "audio.s3 must be s3://bucket/key"),
    "unknown_bucket": ("location_not_allowed", "use one of those in PKAI_BUCKETS"),
    "missing_object": ("recording_not_found", "check the bucket and the key"),
    "unknown_model": ("invalid_request", "unknown model 'no-such-model'; there are: "),
    "unknown_piece": ("invalid_request", "no reference performance of piece 'no-such-piece'; there are: "),
    "unknown_reference": ("invalid_request", "unknown reference 'no-such-reference'; there are: "),
    "not_audio": ("unsupported_audio", "send MP3, M4A/AAC, WebM"),
    "empty_audio": ("empty_recording", "0 bytes"),
    "truncated": ("truncated_recording", "send the whole file"),
    "too_short": ("recording_too_short", "at least 8.0 s"),
    "silent": ("silent_recording", "play louder"),
}
# Name of the file -> status, and the code of the error or a word of the answer.
EXPECTED_HTTP: dict[str, tuple[int, str]] = {
    "http_assess_json": (200, "rating_interval"),
    "http_assess_recording": (200, "rating_interval"),
    "http_assess_first_payload": (200, "rating_interval"),
    "http_assess_function_url": (200, "rating_interval"),
    "http_compare": (200, "p_better"),
    "http_references": (200, "fur-elise"),
    "http_offer_upload": (201, "x-amz-signature"),
    "http_find_pending": (202, "pending"),
    "http_find_nothing": (404, "assessment_not_found"),
    "http_find_no_id": (400, "invalid_request"),
    "http_health": (200, "sha256"),
    "http_openapi": (200, "/v1/comparisons"),
    "http_page": (200, "P-KAI"),
    "http_no_such_path": (404, "route_not_found"),
    "http_wrong_method": (405, "method_not_allowed"),
    "http_not_json": (400, "invalid_json"),
    "http_both_sources": (400, "one_audio_source"),
    "http_bad_base64": (400, "invalid_base64"),
    "http_wrong_content_type": (415, "unsupported_media_type"),
    "http_unknown_query": (400, "invalid_request"),
    "http_too_short": (422, "recording_too_short"),
}
# Name of the file -> how many objects came to what; None where all were gone through and then an error is due.
EXPECTED_S3: dict[str, dict[str, int] | None] = {
    "s3_one": {"assessed": 1},
    "s3_many": {"assessed": 2, "refused": 1},
    "s3_missing_object": None,
    "s3_other_bucket": None,
    "s3_result": {"passed_over": 1},
    "s3_removed": {},
    "s3_test": {},
    "eventbridge_created": {"assessed": 1},
    "eventbridge_deleted": {},
}
ALL = {*EXPECTED, *EXPECTED_HTTP, *EXPECTED_S3}


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    """A server that holds the recording of `direct_s3.json`."""
    with local_aws.s3_server() as endpoint:
        recording = make_events.RECORDING.read_bytes()
        local_aws.put(endpoint, bucket=make_events.BUCKET, key=make_events.KEY, body=recording)
        for key in make_events.UPLOAD_KEYS:
            local_aws.put(endpoint, bucket=make_events.UPLOADS_BUCKET, key=key, body=recording)
        local_aws.put(endpoint, bucket=make_events.UPLOADS_BUCKET, key=make_events.NO_RECORDING_KEY, body=b"Dear all,")
        yield endpoint


@pytest.fixture
def live_service(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The service with S3 and, until a test says otherwise, the shipped model."""
    # Every test writes its answers to a bucket that was empty before.
    results_bucket = f"{make_events.RESULTS_BUCKET}-{uuid.uuid4().hex[:8]}"
    local_aws.create_bucket(s3_endpoint, results_bucket)
    service.configure(
        monkeypatch,
        **local_aws.ENVIRONMENT,
        AWS_ENDPOINT_URL_S3=s3_endpoint,
        PKAI_BUCKETS=make_events.BUCKET,
        PKAI_UPLOADS_BUCKET=make_events.UPLOADS_BUCKET,
        PKAI_RESULTS_BUCKET=results_bucket,
    )
    monkeypatch.delenv("PKAI_MODEL_DIR", raising=False)
    yield monkeypatch
    storage._client().close()
    service.configure(monkeypatch)


def sent(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_bytes())


def refuse_other_answer(name: str, answer: dict[str, Any]) -> None:
    expected = EXPECTED[name]
    if expected is None:
        assert "error" not in answer
        assert answer["recording"]["codec"].startswith("mp3")
    else:
        code, words = expected
        assert answer["error"]["code"] == code
        assert words in answer["error"]["message"]
        assert answer["error"]["request_id"] == service.REQUEST_ID
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer


def test_every_event_has_an_expectation() -> None:
    assert {path.stem for path in EVENTS.glob("*.json")} == ALL


@pytest.mark.parametrize("name", sorted(ALL))
def test_an_event_is_what_its_script_writes(name: str) -> None:
    made = make_events.events()
    assert sent(name) == made[name], "run `python events/make_events.py`"


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_an_event_gets_its_answer(name: str, live_service: pytest.MonkeyPatch, model_root: Path) -> None:
    service.configure(live_service, PKAI_MODEL_DIR=str(model_root))
    refuse_other_answer(name, service.invoke(sent(name)))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_an_event_gets_its_answer_from_the_shipped_model(name: str, live_service: pytest.MonkeyPatch) -> None:
    need((DEFAULT_MODEL_ROOT / "pdr" / "manifest.json").is_file(), "the shipped model, model/pdr")
    refuse_other_answer(name, service.invoke(sent(name)))


def test_both_ways_to_send_a_recording_lead_to_the_same_answer(
    live_service: pytest.MonkeyPatch, model_root: Path
) -> None:
    service.configure(live_service, PKAI_MODEL_DIR=str(model_root))
    assert service.invoke(sent("direct_base64")) == service.invoke(sent("direct_s3"))


@pytest.mark.parametrize("name", sorted(EXPECTED_HTTP))
def test_an_http_request_gets_its_status_and_answer(
    name: str, live_service: pytest.MonkeyPatch, model_root: Path
) -> None:
    service.configure(live_service, PKAI_MODEL_DIR=str(model_root))
    answer = service.invoke(sent(name))
    status, word = EXPECTED_HTTP[name]
    assert answer["statusCode"] == status
    assert answer["headers"]["x-request-id"] == service.REQUEST_ID
    if status >= 400:
        error = json.loads(answer["body"])["error"]
        assert (error["code"], error["request_id"]) == (word, service.REQUEST_ID)
        assert len(error["message"]) > 20
    else:
        body = answer["body"].encode()
        assert word.encode() in (base64.b64decode(body) if answer["isBase64Encoded"] else body)


@pytest.mark.parametrize("name", sorted(EXPECTED_S3))
def test_an_s3_event_comes_to_what_it_must(name: str, live_service: pytest.MonkeyPatch, model_root: Path) -> None:
    service.configure(live_service, PKAI_MODEL_DIR=str(model_root))
    event = sent(name)
    if name == "s3_result":
        event["Records"][0]["s3"]["bucket"]["name"] = handler._settings().results_bucket
    expected = EXPECTED_S3[name]
    if expected is None:
        with pytest.raises(RecordsFailed, match=r"^1 of [12] objects could not be assessed"):
            service.invoke(event)
    else:
        assert {outcome: n for outcome, n in service.invoke(event).items() if n} == expected


def test_an_upload_is_pending_until_its_event_and_then_answered(
    live_service: pytest.MonkeyPatch, model_root: Path
) -> None:
    service.configure(live_service, PKAI_MODEL_DIR=str(model_root))
    assert service.invoke(sent("http_find_pending"))["statusCode"] == 202
    service.invoke(sent("s3_one"))
    answer = service.invoke(sent("http_find_pending"))
    assert answer["statusCode"] == 200
    found = json.loads(answer["body"])
    assert (found["id"], found["status"]) == (make_events.UPLOAD_ID, "done")
    assert found["assessment"] == service.invoke(sent("direct_s3"))
