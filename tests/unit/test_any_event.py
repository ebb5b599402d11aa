"""Thousands of generated events of every kind: each is answered, or fails in the one way that has dead letters."""

import base64
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import handler
import service
from conftest import ROOT
from events import make_events
from pkai import routes, triggers
from pkai.errors import RecordsFailed
from pkai.folder import Folder
from pkai.settings import Settings

SECRET = "wJalrXUtnFEMI-never-to-be-told"  # noqa: S105  # the one that must not be told
SEVERAL_THOUSAND = settings(
    max_examples=1500, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module", autouse=True)
def local_service(model_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The service with the tiny model, a folder that holds two uploads, and a secret in the environment."""
    root = tmp_path_factory.mktemp("folder")
    folder = Folder(root, upload_url="http://localhost/uploads")
    folder.put_once("uploads", f"uploads/{make_events.UPLOAD_ID}", b"no music")
    chosen = Settings(model_root=model_root, uploads_bucket="uploads", results_bucket="results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        handler.use(chosen, folder)
        yield root
    handler._chosen = None


TEXT = st.text(st.characters(), max_size=20)
PATHS = st.sampled_from([route.path for route in routes.ROUTES]).map(
    lambda path: path.replace("{id}", make_events.UPLOAD_ID)
)
AUDIO = st.dictionaries(
    st.sampled_from(["base64", "s3", "url"]),
    JSON
    | st.sampled_from(["UklGRg==", "A", "s3://uploads/uploads/x", f"s3://uploads/uploads/{make_events.UPLOAD_ID}"]),
    max_size=2,
)
OPTIONS = {"piece": JSON | st.just("fur-elise"), "references": JSON, "model": JSON | st.sampled_from(["pdr", "../pdr"])}
REQUESTS = st.one_of(
    st.fixed_dictionaries({"audio": AUDIO | JSON}, optional=OPTIONS),
    st.fixed_dictionaries({"first": AUDIO, "second": AUDIO | JSON}, optional=OPTIONS),
    st.fixed_dictionaries({"content_type": st.sampled_from(["audio/mpeg", "text/html"]) | JSON}, optional=OPTIONS),
    JSON,
)
BODIES = st.one_of(
    REQUESTS.map(lambda value: {"body": json.dumps(value), "isBase64Encoded": False}),
    st.binary(max_size=100).map(lambda body: {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}),
    st.fixed_dictionaries({}, optional={"body": TEXT | JSON, "isBase64Encoded": st.booleans() | JSON}),
)
HEADERS = st.dictionaries(
    st.sampled_from(["content-type", "Content-Type", "accept"]) | TEXT,
    st.sampled_from(["application/json", "application/json; charset=utf-8", "audio/mpeg", "text/plain"]) | JSON,
    max_size=3,
)
METHODS = st.sampled_from(["GET", "POST", "HEAD", "PUT", "DELETE"]) | TEXT


@st.composite
def http_events(draw: st.DrawFn) -> dict[str, Any]:
    """Requests in either payload, near enough to real ones to get anywhere."""
    method, path = draw(METHODS), draw(PATHS | TEXT)
    event = {"headers": draw(HEADERS | JSON), **draw(BODIES)}
    if draw(st.booleans()):
        query = draw(st.sampled_from(["", "piece=fur-elise", "piece=x&piece=y", "references=a,b", "%ff=%00"]) | TEXT)
        http = {"method": method, "path": path}
        return {**event, "rawPath": path, "rawQueryString": query, "requestContext": {"http": http, "requestId": "id"}}
    wanted = draw(JSON | st.just({"piece": "fur-elise"}))
    return {**event, "httpMethod": method, "path": path, "queryStringParameters": wanted, "requestContext": {}}


def refuse_what_tells_too_much(answer: dict[str, Any], root: Path) -> None:
    text = json.dumps(answer, allow_nan=False, ensure_ascii=False)
    assert text.encode()
    for never in ("Traceback", 'File \\"', str(root), str(ROOT), SECRET):
        assert never not in text


@SEVERAL_THOUSAND
@given(event=http_events())
def test_whatever_is_asked_over_http_is_answered(local_service: Path, event: dict[str, Any]) -> None:
    answer = service.invoke(event)
    assert 200 <= answer["statusCode"] < 500
    if answer["statusCode"] >= 400 and answer["body"]:
        error = json.loads(answer["body"])["error"]
        assert set(error) == {"code", "message", "request_id"}
        assert handler.STATUS_BY_CODE[error["code"]] == answer["statusCode"]
    refuse_what_tells_too_much(answer, local_service)


RECORDS = st.fixed_dictionaries(
    {"eventSource": st.just("aws:s3")},
    optional={
        "eventName": st.sampled_from(["ObjectCreated:Put", "ObjectRemoved:Delete"]) | JSON,
        "responseElements": JSON,
        "s3": JSON
        | st.fixed_dictionaries(
            {
                "bucket": st.fixed_dictionaries({"name": st.sampled_from(["uploads", "results", "other"]) | JSON}),
                "object": st.fixed_dictionaries(
                    {
                        "key": st.sampled_from([f"uploads/{make_events.UPLOAD_ID}", "results/a.json", "a%FF+b"])
                        | TEXT
                        | JSON
                    },
                    optional={"versionId": JSON, "eTag": JSON | TEXT},
                ),
            }
        ),
    },
)


@SEVERAL_THOUSAND
@given(records=st.lists(RECORDS, min_size=1, max_size=3))
def test_whatever_s3_tells_comes_to_an_outcome_for_each_record(local_service: Path, records: list[Any]) -> None:
    event = {"Records": records}
    due = len(list(triggers.arrivals(event)))
    try:
        answer = service.invoke(event)
    except RecordsFailed as err:
        n_failed, _, rest = str(err).partition(" of ")
        assert int(rest.partition(" ")[0]) == due
        assert len(json.loads(str(err).partition(": ")[2])) == int(n_failed)
    else:
        assert sum(answer.values()) == due


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place within a JSON value that another value can be put at."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield (*path, name)
        yield from places(part, (*path, name))


SMALL_EVENTS = {name: event for name, event in make_events.events().items() if 10 < len(json.dumps(event)) < 5000}


@st.composite
def damaged_events(draw: st.DrawFn) -> Any:
    """A real event with one part of it replaced or taken away."""
    event = copy.deepcopy(SMALL_EVENTS[draw(st.sampled_from(sorted(SMALL_EVENTS)))])
    *way, last = draw(st.sampled_from(sorted(places(event), key=str)))
    part = event
    for name in way:
        part = part[name]
    if isinstance(part, dict) and draw(st.booleans()):
        del part[last]
    else:
        part[last] = draw(JSON | TEXT)
    return event


@SEVERAL_THOUSAND
@given(event=damaged_events())
def test_a_damaged_event_of_any_kind_is_answered_or_fails_as_s3_events_do(local_service: Path, event: Any) -> None:
    try:
        answer = service.invoke(event)
    except RecordsFailed:
        assert triggers.is_s3_event(event)
    else:
        refuse_what_tells_too_much(answer, local_service)
        assert answer.get("statusCode", 200) < 500
