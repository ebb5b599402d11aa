"""An HTTP event is read as the request that was made, whichever gateway tells of it."""

import pytest

from pkai import gateway
from pkai.errors import UnsupportedMediaType
from pkai.gateway import HttpRequest


@pytest.mark.parametrize(
    ("path", "whole", "stage"),
    [
        ("/prod/v1/health", "/prod/v1/health", "prod"),  # an HTTP API
        ("/v1/health", "/prod/v1/health", "prod"),  # a REST API
        ("/v1/health", "/v1/v1/health", "v1"),  # one whose stage has the name of a part of the path
        ("/v1/health", "/v1/health", "$default"),
    ],
)
def test_the_stage_is_no_part_of_the_path(path: str, whole: str, stage: str) -> None:
    event = {"httpMethod": "GET", "path": path, "requestContext": {"path": whole, "stage": stage}}
    assert gateway.is_http_event(event)
    assert gateway.request_of(event).path == "/v1/health"


def test_a_compressed_body_is_refused_as_such() -> None:
    with pytest.raises(UnsupportedMediaType, match=r"^Content-Encoding is 'gzip'; send the body as it is$"):
        HttpRequest(method="POST", path="/", headers={"content-encoding": "GZip"}, raw_body="x").body()
    assert HttpRequest(method="POST", path="/", headers={"content-encoding": "identity"}, raw_body="x").body() == b"x"


def test_a_path_is_decoded_and_a_parameter_of_the_first_payload_keeps_all_its_values() -> None:
    event = {
        "httpMethod": "get",
        "path": "/v1/f%C3%BCr",
        "requestContext": {},
        "queryStringParameters": {"references": "b"},
        "multiValueQueryStringParameters": {"references": ["a", "b"]},
    }
    request = gateway.request_of(event)
    assert (request.method, request.path, request.query) == ("GET", "/v1/für", {"references": ["a", "b"]})
