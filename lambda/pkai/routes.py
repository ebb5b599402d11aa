"""The HTTP API as one table: what is dispatched by it is what `openapi` describes by it.

Powertools' own resolver is left aside: it would add a sixth to the import time of a cold start, knows one payload per
resolver, and describes in its document what it validates itself, which the raw recordings of this API are not.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from pydantic import BaseModel

from pkai import contract, page, uploads
from pkai.assessment import Assessment, PairAssessment
from pkai.errors import MethodNotAllowed, RequestError, RouteNotFound, UnsupportedMediaType
from pkai.gateway import JSON_TYPE, HttpAnswer, HttpRequest
from pkai.service import Service

RETRY_AFTER_S = 2
_Answering = Callable[[Service, HttpRequest, dict[str, str]], HttpAnswer]


@dataclass(frozen=True, kw_only=True)
class QueryParameter:
    """A parameter that a route takes after the question mark."""

    name: str
    description: str
    repeated: bool = False


@dataclass(frozen=True, kw_only=True)
class Route:
    """One thing that can be asked for.

    Attributes
    ----------
    path : may hold one name in braces, such as `{id}`
    answering : makes the answer
    answers : status -> what is answered with it, where it is no error
    errors : statuses of the errors that the asker can mend; 5xx and unknown paths go without saying
    request : what its JSON body is
    takes_recordings : whether a recording itself may be the body
    query : parameters that are known; others are refused
    passes_over_query : whether parameters are left to the page, to which a hosted login comes back with some
    """

    method: str
    path: str
    name: str
    summary: str
    answering: _Answering
    answers: dict[int, Any]
    errors: tuple[int, ...] = ()
    request: type[BaseModel] | None = None
    takes_recordings: bool = False
    query: tuple[QueryParameter, ...] = ()
    passes_over_query: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What a path must match as a whole."""
        return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.path)))

    def refuse_unknown_query(self, request: HttpRequest) -> None:
        """Refuse a misspelt parameter instead of passing over it."""
        if self.passes_over_query:
            return
        known = {parameter.name: parameter for parameter in self.query}
        for name, values in request.query.items():
            if name not in known:
                there_are = f"there are: {', '.join(known)}" if known else "this route takes none"
                raise RequestError(f"the query parameter {ascii(name)[:60]} is not known; {there_are}")
            if len(values) > 1 and not known[name].repeated:
                raise RequestError(f"the query parameter {name} may be given once only")


def dispatch(service: Service, request: HttpRequest) -> HttpAnswer:
    """Answer a request.

    Raises
    ------
    RouteNotFound, MethodNotAllowed
        If there is no such route.
    PkaiError
        What the route itself raises.
    """
    there = [(route, match) for route in ROUTES if (match := route.pattern.fullmatch(request.path))]
    if not there:
        known = ", ".join(f"{route.method} {route.path}" for route in ROUTES)
        raise RouteNotFound(f"there is no such path; there are: {known}")
    method = "GET" if request.method == "HEAD" else request.method
    for route, match in there:
        if route.method == method:
            route.refuse_unknown_query(request)
            return route.answering(service, request, match.groupdict())
    raise MethodNotAllowed(f"this path takes {' and '.join(methods_at(request.path))} only")


def methods_at(path: str) -> list[str]:
    """Methods that a path takes, in the order of the table."""
    methods = [route.method for route in ROUTES if route.pattern.fullmatch(path)]
    return [*methods, "HEAD"] if "GET" in methods else methods


def _assess(service: Service, request: HttpRequest, _: dict[str, str]) -> HttpAnswer:
    if request.content_type == JSON_TYPE:
        if request.query:
            raise RequestError("query parameters go with the recording itself; in JSON they are fields of the body")
        asked = contract.parse(contract.parse_json(request.body(), contract.EXAMPLE))
        return HttpAnswer.of(contract.answer(service.assess(asked)))
    if request.content_type not in contract.RAW_TYPES:
        raise UnsupportedMediaType(
            f"Content-Type is {ascii(request.content_type)[:60]}; send {JSON_TYPE}, or the recording itself as one of "
            f"{', '.join(contract.RAW_TYPES)}"
        )
    options = contract.parse_as(contract.Options, _options(request), "give piece, references and model once each")
    return HttpAnswer.of(contract.answer(service.assess_bytes(request.body(), options)))


def _options(request: HttpRequest) -> dict[str, object]:
    options: dict[str, object] = {name: values[0] for name, values in request.query.items()}
    if "references" in request.query:
        options["references"] = [name for text in request.query["references"] for name in text.split(",")]
    return options


def _compare(service: Service, request: HttpRequest, _: dict[str, str]) -> HttpAnswer:
    asked = contract.parse_as(
        contract.ComparisonRequest, _json_of(request, contract.PAIR_EXAMPLE), contract.PAIR_EXAMPLE
    )
    return HttpAnswer.of(contract.answer(service.compare(asked)))


def _references(service: Service, request: HttpRequest, _: dict[str, str]) -> HttpAnswer:
    wanted = {name: values[0] for name, values in request.query.items()}
    listed = service.references(piece=wanted.get("piece"), model=wanted.get("model"))
    return HttpAnswer.of(contract.answer(listed))


def _offer_upload(service: Service, request: HttpRequest, _: dict[str, str]) -> HttpAnswer:
    example = contract.UPLOAD_EXAMPLE
    asked = contract.parse_as(contract.UploadRequest, _json_of(request, example), example)
    offered = service.offer_upload(asked)
    if offered.url.startswith("/") and request.origin:
        offered = offered.model_copy(update={"url": request.origin + offered.url})
    return HttpAnswer.of(contract.answer(offered), status=201, headers={"location": offered.assessment})


def _find_assessment(service: Service, _: HttpRequest, named: dict[str, str]) -> HttpAnswer:
    if not uploads.is_id(named["id"]):
        raise RequestError("the id is none of ours; take it from the answer of POST /v1/uploads")
    found = service.find_assessment(named["id"])
    if found is None:
        pending = contract.answer(contract.Pending(id=named["id"]))
        return HttpAnswer.of(pending, status=202, headers={"retry-after": str(RETRY_AFTER_S)})
    return HttpAnswer.of(found)


def _health(service: Service, *_: object) -> HttpAnswer:
    return HttpAnswer.of(contract.answer(service.health()))


def _openapi(*_: object) -> HttpAnswer:
    from pkai import openapi  # it reads this table

    return HttpAnswer.of(openapi.document())


def _page(service: Service, request: HttpRequest, _: dict[str, str]) -> HttpAnswer:
    if page.is_there():
        return _page_file(service, request, "index.html")
    return HttpAnswer(status=200, body=_routes_as_page(), content_type="text/html; charset=utf-8")


def _page_config(service: Service, request: HttpRequest, _: dict[str, str]) -> HttpAnswer:
    return _page_file(service, request, "config.json")


def _page_asset(service: Service, request: HttpRequest, named: dict[str, str]) -> HttpAnswer:
    return _page_file(service, request, page.ASSETS + named["file"])


def _page_file(service: Service, request: HttpRequest, name: str) -> HttpAnswer:
    accepted = request.headers.get("accept-encoding", "")
    return page.answer(name, accept_encoding=accepted, upload_origin=service.settings.upload_origin)


@lru_cache(maxsize=1)
def _routes_as_page() -> str:
    routes = "".join(f"<li><code>{route.method} {route.path}</code> {route.summary}</li>" for route in ROUTES)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>P-KAI</title><h1>P-KAI</h1>'
        "<p>P-KAI listens to a recording of piano playing and says how skilled the playing is. This is its API; "
        f'<a href="openapi.json">openapi.json</a> describes it.</p><ul>{routes}</ul></html>'
    )


def _json_of(request: HttpRequest, example: str) -> object:
    if request.content_type != JSON_TYPE:
        raise UnsupportedMediaType(f"Content-Type is {ascii(request.content_type)[:60]}; send {JSON_TYPE}")
    return contract.parse_json(request.body(), example)


_PIECE = QueryParameter(name="piece", description="compare with the references of this piece only")
_MODEL = QueryParameter(name="model", description="the network that judges")
_REFERENCES = QueryParameter(
    name="references", description="compare with these references only; commas separate them", repeated=True
)
_RECORDING_ERRORS = (400, 403, 404, 413, 415, 422)

ROUTES = (
    Route(
        method="POST",
        path="/v1/assessments",
        name="assess",
        summary="Assess a recording: in JSON, by its place in S3, or as the body itself, which may have 6 MB, and on "
        "AWS 4.5 MB, as it reaches Lambda in base64; POST /v1/uploads takes larger ones.",
        answering=_assess,
        answers={200: Assessment},
        errors=_RECORDING_ERRORS,
        request=contract.AssessmentRequest,
        takes_recordings=True,
        query=(_PIECE, _REFERENCES, _MODEL),
    ),
    Route(
        method="GET",
        path="/v1/assessments/{id}",
        name="findAssessment",
        summary="Get the assessment of an upload, or learn that it is still being made.",
        answering=_find_assessment,
        answers={200: contract.Finished, 202: contract.Pending},
        errors=(400, 404),
    ),
    Route(
        method="POST",
        path="/v1/comparisons",
        name="compare",
        summary="Say which of two recordings is played better.",
        answering=_compare,
        answers={200: PairAssessment},
        errors=_RECORDING_ERRORS,
        request=contract.ComparisonRequest,
    ),
    Route(
        method="GET",
        path="/v1/references",
        name="listReferences",
        summary="List the reference performances with their ratings.",
        answering=_references,
        answers={200: contract.ReferencesAnswer},
        errors=(400,),
        query=(_PIECE, _MODEL),
    ),
    Route(
        method="POST",
        path="/v1/uploads",
        name="offerUpload",
        summary="Get a form for uploading a recording of up to 50 MB, which is then assessed.",
        answering=_offer_upload,
        answers={201: contract.UploadAnswer},
        errors=(400, 413, 415),
        request=contract.UploadRequest,
    ),
    Route(
        method="GET",
        path="/v1/health",
        name="health",
        summary="Learn that the service can judge, and with which model.",
        answering=_health,
        answers={200: contract.HealthAnswer},
        errors=(400,),
    ),
    Route(
        method="GET",
        path="/openapi.json",
        name="openapi",
        summary="This description.",
        answering=_openapi,
        answers={200: dict},
        errors=(400,),
    ),
    Route(
        method="GET",
        path="/",
        name="page",
        summary="The page for people.",
        answering=_page,
        answers={200: str},
        errors=(400,),
        passes_over_query=True,
    ),
    Route(
        method="GET",
        path="/config.json",
        name="pageConfig",
        summary="How the page is set up.",
        answering=_page_config,
        answers={200: dict},
        errors=(400, 404),
    ),
    Route(
        method="GET",
        path="/assets/{file}",
        name="pageAsset",
        summary="A file of the page.",
        answering=_page_asset,
        answers={200: bytes},
        errors=(400, 404),
    ),
)
