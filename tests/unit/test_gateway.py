"""An HTTP event is read as the request that was made, whichever gateway tells of it."""

import pytest

from pkai import gateway


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
