"""HTTP as API Gateway and function URLs hand it to a Lambda function: payloads 2.0 and 1.0, in and out."""

import base64
import binascii
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from pkai.contract import MAX_BODY_BYTES
from pkai.errors import InvalidBase64, RequestTooLarge, UnsupportedMediaType
from pkai.store import MAX_OBJECT_BYTES

JSON_TYPE = "application/json"


@dataclass(frozen=True, kw_only=True)
class HttpRequest:
    """A request, whichever payload it came in.

    Attributes
    ----------
    path : decoded, without the stage
    headers : names in lower case
    query : each name with all of its values
    raw_body : as the gateway sent it: text, or base64 of the bytes
    id : by which the gateway's log names the request
    """

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, list[str]] = field(default_factory=dict)
    raw_body: str = ""
    is_base64: bool = False
    id: str | None = None

    @property
    def content_type(self) -> str:
        """The media type without its parameters, in lower case; empty if none was sent."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def origin(self) -> str | None:
        """Where the client found the service, such as "http://localhost:8080"; None if it did not say."""
        host = self.headers.get("host")
        return f"{self.headers.get('x-forwarded-proto', 'http')}://{host}" if host else None

    def body(self) -> bytes:
        """The bytes that were sent.

        Raises
        ------
        RequestTooLarge
            If they are more than a request may have.
        UnsupportedMediaType
            If they are compressed.
        InvalidBase64
            If the gateway says that they are base64 and they are not.
        """
        encoding = self.headers.get("content-encoding", "").strip().lower()
        if encoding not in ("", "identity"):
            raise UnsupportedMediaType(f"Content-Encoding is {ascii(encoding)[:60]}; send the body as it is")
        try:
            body = base64.b64decode(self.raw_body, validate=True) if self.is_base64 else self.raw_body.encode()
        except (binascii.Error, ValueError) as err:
            raise InvalidBase64("the body of the event is not base64, though isBase64Encoded says so") from err
        refuse_large(len(body), MAX_BODY_BYTES)
        return body


@dataclass(frozen=True, kw_only=True)
class HttpAnswer:
    """What is sent back; the body is base64 of the bytes where it says so."""

    status: int
    body: str
    is_base64: bool = False
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> "HttpAnswer":
        """Plain JSON values as an answer."""
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        return cls(status=status, body=text, headers=headers or {})

    def event(self, *, request_id: str, with_body: bool = True) -> dict[str, Any]:
        """What the handler returns; both payloads take this form."""
        return {
            "statusCode": self.status,
            "headers": {
                "content-type": self.content_type,
                "cache-control": "no-store",
                "x-content-type-options": "nosniff",
                "x-request-id": request_id,
                **self.headers,
            },
            "body": self.body if with_body else "",
            "isBase64Encoded": self.is_base64 and with_body,
        }


def refuse_large(n_bytes: int, limit_bytes: int) -> None:
    """Refuse a body that has more bytes than it may.

    Raises
    ------
    RequestTooLarge
        If it has.
    """
    if n_bytes > limit_bytes:
        larger = limit_bytes < MAX_OBJECT_BYTES
        hint = "POST /v1/uploads takes larger recordings" if larger else "send a smaller or compressed file"
        raise RequestTooLarge(f"the body has over {limit_bytes // 1024**2} MB; {hint}")


def is_http_event(event: object) -> bool:
    """Whether an event is an HTTP request, of either payload."""
    if not isinstance(event, dict) or not isinstance(event.get("requestContext"), dict):
        return False
    return isinstance(event["requestContext"].get("http"), dict) or isinstance(event.get("httpMethod"), str)


def request_of(event: dict[str, Any]) -> HttpRequest:
    """Read either payload; what is missing or odd is taken as not sent."""
    context = event["requestContext"]
    http = context.get("http")
    if isinstance(http, dict):
        method, path, staged = _text(http.get("method")), _text(event.get("rawPath")), True
        query = parse_qs(_text(event.get("rawQueryString")), keep_blank_values=True)
    else:
        method, path = event["httpMethod"], _text(event.get("path"))
        staged = context.get("path", path) == path  # a REST API tells the path without the stage, an HTTP API with it
        query = _query_of_first_payload(event)
    stage = _text(context.get("stage"))
    if staged and stage and stage != "$default":
        path = path.removeprefix(f"/{stage}") or "/"
    headers = event.get("headers")
    return HttpRequest(
        method=method.upper(),
        path=unquote(path),
        headers={str(name).lower(): _text(value) for name, value in _items(headers)},
        query=query,
        raw_body=_text(event.get("body")),
        is_base64=event.get("isBase64Encoded") is True,
        id=_text(context.get("requestId")) or None,
    )


def _query_of_first_payload(event: dict[str, Any]) -> dict[str, list[str]]:
    several = {
        str(name): [_text(value) for value in values]
        for name, values in _items(event.get("multiValueQueryStringParameters"))
        if isinstance(values, list)
    }
    return several or {str(name): [_text(value)] for name, value in _items(event.get("queryStringParameters"))}


def _items(value: object) -> list[tuple[object, object]]:
    return list(value.items()) if isinstance(value, dict) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
