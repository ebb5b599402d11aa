"""The OpenAPI document, made from the table of routes and the models that requests and answers go through."""

from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter

from pkai import __version__, contract, page, uploads
from pkai.contract import ErrorAnswer
from pkai.gateway import JSON_TYPE
from pkai.routes import ROUTES, QueryParameter, Route

_REF = "#/components/schemas/{model}"
_SAID_OF_ERRORS = {
    400: "the request cannot be understood",
    403: "the bucket is none of this installation's",
    404: "there is no such thing",
    405: "the path takes other methods",
    413: "the body, or the object, is too large",
    415: "the Content-Type, or the audio itself, is of no kind that is taken",
    422: "the recording cannot be judged",
    500: "the service is at fault",
    501: "this installation is not set up for it",
    503: "the storage failed; a later try may not",
}
_ALWAYS = (405, 500, 501, 503)
# Kinds of answers that have no schema of their own: any object, the page, a file of the page.
_UNNAMED = (dict, str, bytes)


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """The whole description, OpenAPI 3.1."""
    names, schemas = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "P-KAI",
            "version": __version__,
            "description": "Listens to a recording of piano playing and says how skilled the playing is.",
        },
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _schemas() -> tuple[dict[Any, Any], dict[str, Any]]:
    requests = [(route.request, "validation") for route in ROUTES if route.request]
    answers = [(kind, "serialization") for route in ROUTES for kind in route.answers.values() if kind not in _UNNAMED]
    kinds: dict[Any, Any] = dict([*requests, *answers, (ErrorAnswer, "serialization")])
    made, definitions = TypeAdapter.json_schemas(
        [(kind, mode, TypeAdapter(kind)) for kind, mode in kinds.items()], ref_template=_REF
    )
    return {kind: schema for (kind, _), schema in made.items()}, definitions["$defs"]


def _operation(route: Route, names: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "responses": {
            **{str(status): _answer(status, kind, names) for status, kind in route.answers.items()},
            **{str(status): _error(status, names) for status in sorted({*route.errors, *_ALWAYS})},
        },
    }
    parameters = [_query(parameter) for parameter in route.query]
    if "{id}" in route.path:
        parameters.append(_id())
    if "{file}" in route.path:
        parameters.append(_file())
    if parameters:
        operation["parameters"] = parameters
    if route.request:
        content: dict[str, Any] = {JSON_TYPE: {"schema": names[route.request]}}
        if route.takes_recordings:
            content |= {kind: {"schema": {"type": "string", "format": "binary"}} for kind in contract.RAW_TYPES}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _answer(status: int, kind: Any, names: dict[Any, Any]) -> dict[str, Any]:
    if kind is str:
        return {"description": "the page", "content": {"text/html": {"schema": {"type": "string"}}}}
    if kind is bytes:
        file = {"schema": {"type": "string"}}
        return {
            "description": "the file",
            "content": {type_.partition(";")[0]: file for type_ in page.CONTENT_TYPES.values()},
        }
    schema = {"type": "object"} if kind is dict else names[kind]
    described: dict[str, Any] = {"description": "what was asked for", "content": {JSON_TYPE: {"schema": schema}}}
    if status == 202:
        described["description"] = "not yet; ask again after the seconds that the header tells"
        described["headers"] = {"retry-after": {"schema": {"type": "string"}, "required": True}}
    if status == 201:
        described["headers"] = {"location": {"schema": {"type": "string"}, "required": True}}
    return described


def _error(status: int, names: dict[Any, Any]) -> dict[str, Any]:
    return {"description": _SAID_OF_ERRORS[status], "content": {JSON_TYPE: {"schema": names[ErrorAnswer]}}}


def _query(parameter: QueryParameter) -> dict[str, Any]:
    name = {"type": "string", "minLength": 1, "maxLength": 100}
    return {
        "name": parameter.name,
        "in": "query",
        "required": False,
        "description": parameter.description,
        "schema": {"type": "array", "items": name} if parameter.repeated else name,
    }


def _file() -> dict[str, Any]:
    return {
        "name": "file",
        "in": "path",
        "required": True,
        "description": "as the page names it",
        "schema": {"type": "string"},
    }


def _id() -> dict[str, Any]:
    return {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "as POST /v1/uploads gave it",
        "schema": {"type": "string", "pattern": uploads.ID_PATTERN},
    }
