"""What openapi.json says and what the service does are the same: schemathesis asks, and judges the answers by it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from openapi_spec_validator import validate
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from local_server import serving
from pkai import openapi, routes
from pkai.routes import Route
from pkai.serve import LocalServer

DESCRIBED = schemathesis.openapi.from_dict(openapi.document())
RIGHT, WRONG = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
# Where a request has no part, nothing in it can be wrong.
ASKED = [
    (route, mode)
    for route in routes.ROUTES
    for mode in (RIGHT, WRONG)
    if mode == RIGHT or route.request or route.query or "{id}" in route.path
]


@pytest.fixture(scope="module")
def server(model_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A service that listens."""
    yield from serving(model_root, tmp_path_factory.mktemp("folder"))


@pytest.mark.parametrize(("route", "mode"), ASKED, ids=[f"{route.name}-{mode.value}" for route, mode in ASKED])
def test_a_route_does_what_is_described(route: Route, mode: GenerationMode, server: LocalServer) -> None:
    operation = DESCRIBED[route.path][route.method]

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case[Any]) -> None:
        # No generator plays the piano: requests that are right in form are refused for what they hold.
        case.call_and_validate(base_url=server.url, excluded_checks=[positive_data_acceptance], timeout=60)

    ask()


def test_the_document_is_valid_and_names_every_route() -> None:
    document = openapi.document()
    validate(document)
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert described == {(route.method, route.path) for route in routes.ROUTES}
