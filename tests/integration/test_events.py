"""Every file of `events/` through the handler, S3 being moto's server, and each held to what it must be answered."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import local_aws
import service
from conftest import ROOT, need
from events import make_events
from pkai import storage
from pkai.settings import DEFAULT_MODEL_ROOT

EVENTS = ROOT / "events"
# Name of the file -> code of the error, and a part of its message; None where an assessment is due.
EXPECTED: dict[str, tuple[str, str] | None] = {
    "direct_base64": None,
    "direct_s3": None,
    "empty": ("invalid_request", 'audio is missing; send {"audio": {"base64": "…"}}'),
    "not_an_object": ("invalid_request", "the request is not a JSON object; send"),
    "both_sources": ("invalid_request", "audio needs exactly one of base64 and s3; send"),
    "neither_source": ("invalid_request", "audio needs exactly one of base64 and s3; send"),
    "wrong_types": ("invalid_request", "audio.base64: Input should be a valid string; references: "),
    "unknown_field": ("invalid_request", "colour is not known, the fields are audio, piece, references, model"),
    "bad_base64": ("invalid_request", "audio.base64 is not base64; send the bytes of the file"),
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


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    """A server that holds the recording of `direct_s3.json`."""
    with local_aws.s3_server() as endpoint:
        local_aws.put(endpoint, bucket=make_events.BUCKET, key=make_events.KEY, body=make_events.RECORDING.read_bytes())
        yield endpoint


@pytest.fixture
def live_service(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The service with S3 and, until a test says otherwise, the shipped model."""
    service.configure(
        monkeypatch, **local_aws.ENVIRONMENT, AWS_ENDPOINT_URL_S3=s3_endpoint, PKAI_BUCKETS=make_events.BUCKET
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
    assert {path.stem for path in EVENTS.glob("*.json")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
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
