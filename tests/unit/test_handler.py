"""Direct events without S3: what is answered, what is raised, and that nothing escapes whatever is sent."""

import base64
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import handler
import pkai.service
import recording_files
import service
from conftest import ROOT
from events import make_events
from pkai import routes
from pkai.errors import ModelContractError, ModelError, PkaiError, RecordingError, RequestError, StorageError


@pytest.fixture(autouse=True)
def tiny_service(model_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The service with the tiny model, and no bucket that may be read."""
    service.configure(monkeypatch, PKAI_MODEL_DIR=str(model_root), PKAI_MODEL="pdr", PKAI_BUCKETS="")
    yield
    handler._settings.cache_clear()


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The audio of a request: 12 s of a made-up piano."""
    path = recording_files.write(tmp_path_factory.mktemp("recording") / "piano.mp3")
    return {"base64": base64.b64encode(path.read_bytes()).decode()}


def all_errors(root: type[PkaiError] = PkaiError) -> Iterator[type[PkaiError]]:
    yield root
    for error in root.__subclasses__():
        yield from all_errors(error)


def test_a_recording_is_assessed(recording: dict[str, Any]) -> None:
    answer = service.invoke({"audio": recording, "piece": None, "references": None, "model": None})
    assert answer["model"]["name"] == "pdr"
    assert answer["recording"]["codec"].startswith("mp3")
    assert 0 <= answer["rating_interval"][0] <= answer["rating"] <= answer["rating_interval"][1] <= 100
    assert answer["rank"]["of"] == len(answer["comparisons"]) == 3
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer


def test_a_request_may_choose_model_and_references(recording: dict[str, Any]) -> None:
    answer = service.invoke({"audio": recording, "model": "apr", "references": ["elise-expert"]})
    assert answer["model"]["name"] == "apr"
    assert [comparison["reference"]["name"] for comparison in answer["comparisons"]] == ["elise-expert"]


def test_the_same_recording_gets_the_same_answer(recording: dict[str, Any]) -> None:
    assert service.invoke({"audio": recording}) == service.invoke({"audio": recording})


def test_the_model_is_loaded_once(recording: dict[str, Any]) -> None:
    service.invoke({"audio": recording})
    loads = pkai.service.loaded.cache_info().misses
    service.invoke({"audio": recording, "model": "pdr"})
    assert pkai.service.loaded.cache_info().misses == loads


def test_an_empty_event_is_told_what_to_send() -> None:
    assert service.invoke({}) == {
        "error": {
            "code": "invalid_request",
            "message": 'audio is missing; send {"audio": {"base64": "…"}} or {"audio": {"s3": "s3://bucket/key"}}',
            "request_id": service.REQUEST_ID,
        }
    }


def test_an_unknown_model_is_told_with_those_there_are(recording: dict[str, Any]) -> None:
    answer = service.invoke({"audio": recording, "model": "../pdr"})
    assert answer["error"]["message"] == "unknown model '../pdr'; there are: apr, pdr"


def test_a_body_over_the_limit_has_its_own_code() -> None:
    answer = service.invoke({"audio": {"base64": "A" * (6 * 1024**2 + 1)}})
    assert answer["error"]["code"] == "request_too_large"


def test_a_bucket_is_refused_where_none_is_configured() -> None:
    assert service.invoke({"audio": {"s3": "s3://any/key"}})["error"]["code"] == "location_not_allowed"


def test_a_missing_model_is_raised(recording: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service.configure(monkeypatch, PKAI_MODEL_DIR=str(tmp_path))
    with pytest.raises(ModelContractError, match=r"lacks manifest\.json"):
        service.invoke({"audio": recording})


@pytest.mark.parametrize(
    ("trouble", "status", "code"),
    [
        (StorageError("the role at /secret may not read"), 503, "storage_error"),
        (ModelContractError("/secret lacks manifest.json"), 500, "model_contract"),
        (ZeroDivisionError("in /secret"), 500, "internal_error"),
    ],
)
def test_over_http_what_is_not_the_askers_is_told_without_its_details(
    trouble: Exception, status: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise trouble

    monkeypatch.setattr(routes, "dispatch", fail)
    answer = service.invoke(make_events._http("GET", "/v1/health"))
    assert (answer["statusCode"], json.loads(answer["body"])["error"]["code"]) == (status, code)
    assert "secret" not in answer["body"]
    assert ("retry-after" in answer["headers"]) == (status == 503)


def test_head_is_answered_with_the_headers_alone() -> None:
    head, whole = (service.invoke(make_events._http(method, "/v1/health")) for method in ("HEAD", "GET"))
    assert (head["statusCode"], head["body"], bool(whole["body"])) == (200, "", True)


def test_what_one_event_logs_is_not_said_of_the_next(recording: dict[str, Any]) -> None:
    service.invoke({"audio": recording})
    assert "correlation_id" not in handler.logger.thread_safe_get_current_keys()


def measured(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    """Metrics by name, as they were written to the log since the last look."""
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "_aws" in line]
    return {line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"]: line for line in lines}


def test_what_was_answered_and_what_went_wrong_is_counted(
    recording: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    for event in (
        {"audio": recording},
        make_events._http("POST", "/v1/assessments", json_body={"audio": recording}),
    ):
        service.invoke(event)
        found = measured(capsys)
        assert found.keys() == {"Assessments", "Latency"}
        assert found["Assessments"]["Assessments"] == [1.0]
    service.invoke({})
    found = measured(capsys)
    assert found.keys() == {"Errors", "Latency"}
    assert (found["Errors"]["code"], found["Latency"]["event"]) == ("invalid_request", "direct")


def test_every_error_has_a_status_and_only_the_askers_are_answered() -> None:
    for error in all_errors():
        answered = handler.STATUS_BY_CODE[error.code] < 500
        assert answered == issubclass(error, RequestError | RecordingError), error
    for error in (ModelError, StorageError):
        assert handler.STATUS_BY_CODE[error.code] >= 500


def test_the_table_knows_no_code_that_is_never_raised() -> None:
    assert set(handler.STATUS_BY_CODE) == {error.code for error in all_errors()}
    assert len({error.code for error in all_errors()}) == len(list(all_errors()))


def test_no_recording_stays_on_the_disk(
    recording: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    service.invoke({"audio": recording})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("in_lambda", [True, False])
def test_a_broken_model_stops_a_cold_start_in_lambda_but_no_import_elsewhere(in_lambda: bool, tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(ROOT / "lambda"), "PKAI_MODEL_DIR": str(tmp_path)}
    if in_lambda:
        environment["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:9"
    done = subprocess.run(
        [sys.executable, "-c", "import handler"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode != 0) == in_lambda
    assert ("ModelContractError" in done.stderr) == in_lambda


SHORT_TEXT = st.text(st.characters(), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.just("AAAA"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)
SOURCES = st.dictionaries(
    st.sampled_from(["base64", "s3", "url"]),
    JSON | st.sampled_from(["s3://bucket/key", "s3://bucket/\x00", "A", "", "UklGRg==", "s3://b/é"]),
    max_size=3,
)
BYTES = st.binary(max_size=200) | st.binary(max_size=50).map(lambda tail: b"RIFF\x24\x00\x00\x00WAVEfmt " + tail)
NEAR_REQUESTS = st.fixed_dictionaries(
    {"audio": SOURCES | BYTES.map(lambda data: {"base64": base64.b64encode(data).decode()})},
    optional={"piece": JSON, "references": JSON, "model": JSON | st.sampled_from(["pdr", "../pdr"]), "more": JSON},
)


@given(event=JSON | NEAR_REQUESTS)
def test_whatever_is_sent_is_answered(model_root: Path, event: object) -> None:
    answer = service.invoke(event)
    assert set(answer["error"]) == {"code", "message", "request_id"}
    assert handler.STATUS_BY_CODE[answer["error"]["code"]] < 500
    text = json.dumps(answer, allow_nan=False, ensure_ascii=False)
    assert text.encode()
    assert "Traceback" not in text
    assert "File \\" not in text
    assert str(model_root) not in text
