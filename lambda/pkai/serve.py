"""The service on this machine: the same handler behind a small HTTP server, and a folder instead of S3."""

import base64
import json
import logging
import re
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from typing import Any
from urllib.parse import quote_plus, urlsplit

from pkai import uploads
from pkai.contract import MAX_BODY_BYTES
from pkai.errors import PkaiError, RequestError
from pkai.folder import Folder
from pkai.gateway import JSON_TYPE, refuse_large
from pkai.store import MAX_OBJECT_BYTES, Place

UPLOADS_BUCKET = "uploads"
RESULTS_BUCKET = "results"
UPLOAD_PATH = "/uploads"
# Connections that are served at once; more wait in the listening queue.
MAX_CONNECTIONS = 64
_QUEUE_LENGTH = 256
_IDLE_TIMEOUT_S = 10.0
# Of a Content-Length that anybody means.
_MOST_DIGITS = 18
_FORM_OVERHEAD_BYTES = 64 * 1024
# Of a form; the upload's has about ten fields.
_MOST_FIELDS, _MOST_HEAD_BYTES = 50, 2048
_CHUNK_BYTES = 1024 * 1024
# A body that is too long is read to its end, that the client may hear so; one of more than this is cut off.
_HOPELESS_BYTES = 2 * MAX_OBJECT_BYTES
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")
_log = logging.getLogger("pkai.serve")
Answering = Callable[[dict[str, Any]], dict[str, Any]]


class LocalServer(ThreadingHTTPServer):
    """Answers HTTP with what a handler answers to the same request from API Gateway.

    Parameters
    ----------
    host, port : to listen on; port 0 takes any that is free
    n_workers : POST requests that are worked on at once; the others wait
    """

    daemon_threads = True
    request_queue_size = _QUEUE_LENGTH

    def __init__(self, host: str, port: int, *, n_workers: int) -> None:
        self.answering: Answering | None = None
        self.folder: Folder | None = None
        self.at_work = threading.BoundedSemaphore(n_workers)
        self._connections = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._assessing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="upload")
        super().__init__((host, port), _Connection)  # last: where it fails, it closes what is there

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def open(self, answering: Answering, folder: Folder) -> None:
        """Take what answers events and where uploads go, and assess what was uploaded but not assessed before."""
        self.answering, self.folder = answering, folder
        for key in folder.keys(UPLOADS_BUCKET, uploads.UPLOADS_PREFIX):
            place = folder.current(UPLOADS_BUCKET, key)
            if place is not None:
                self.announce(place)

    def announce(self, place: Place) -> None:
        """Tell the handler of an upload, as S3 does: later, and one after the other."""
        self._assessing.submit(self._tell, place)

    def process_request(self, request: "socket | tuple[bytes, socket]", client_address: Any) -> None:
        """Serve one connection in a thread of its own, once there is room."""
        self._connections.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request: "socket | tuple[bytes, socket]", client_address: Any) -> None:
        """Serve one connection, and make room."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.release()

    def handle_error(self, request: "socket | tuple[bytes, socket]", client_address: Any) -> None:
        """A client that hung up or stayed silent is no matter of ours."""
        _log.debug("connection lost", exc_info=True)

    def server_close(self) -> None:
        """Stop listening, and leave waiting uploads to the next start."""
        super().server_close()
        self._assessing.shutdown(cancel_futures=True)

    def _tell(self, place: Place) -> None:
        assert self.answering is not None  # noqa: S101  # `open` came first
        try:
            with self.at_work:
                self.answering(_created(place))
        except Exception:  # the edge of this thread; the handler has logged what it was
            _log.warning("an upload could not be assessed; it is tried again at the next start")


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_TIMEOUT_S
    server: LocalServer

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Leave every method to the handler, which knows what a path takes."""
        if name.startswith("do_"):
            return self._respond
        raise AttributeError(name)

    def log_message(self, format: str, *arguments: object) -> None:
        """The handler logs what it answers."""

    def version_string(self) -> str:
        """Name no versions."""
        return "pkai"

    def _respond(self) -> None:
        try:
            path = _path(self.path)
            if path == UPLOAD_PATH and self.command == "POST":
                self._receive(self._body(MAX_OBJECT_BYTES + _FORM_OVERHEAD_BYTES))
            else:
                self._forward(self._body(MAX_BODY_BYTES))
        except PkaiError as err:  # what a gateway refuses before the handler sees it
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if "too_large" in err.code else HTTPStatus.BAD_REQUEST
            self._refuse(status, err.code, str(err))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what cannot even be read, in the form of all other refusals."""
        self.close_connection = True
        self._refuse(code, RequestError.code, f"this is no HTTP request that can be read: {HTTPStatus(code).phrase}")

    def _refuse(self, status: int, code: str, message: str) -> None:
        request_id = str(uuid.uuid4())
        told = {"error": {"code": code, "message": message, "request_id": request_id}}
        headers = {"content-type": JSON_TYPE, "x-request-id": request_id}
        self._send(status, headers, json.dumps(told, ensure_ascii=False).encode())

    def _forward(self, body: bytes) -> None:
        assert self.server.answering is not None  # noqa: S101
        method = "GET" if self.command == "HEAD" else self.command  # whose length is told, and nothing sent
        event = _event(method, self.path, self.headers, body, self.client_address[0])
        if self.command == "POST":
            with self.server.at_work:
                answer = self.server.answering(event)
        else:
            answer = self.server.answering(event)
        content = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
        self._send(answer["statusCode"], answer["headers"], content)

    def _receive(self, body: bytes) -> None:
        assert self.server.folder is not None  # noqa: S101
        fields, file = parse_form(self.headers.get("content-type", ""), body)
        place = self.server.folder.receive(fields, file)
        self.server.announce(place)
        self._send(HTTPStatus.NO_CONTENT, {}, b"")

    def _body(self, max_bytes: int) -> bytes:
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return self._chunked_body(max_bytes)
        length = self.headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > _MOST_DIGITS:
            self.close_connection = True
            raise RequestError("Content-Length is no number")
        if int(length) > max_bytes:
            self._pass_over(int(length))
            refuse_large(int(length), max_bytes)
        return self._exactly(int(length))

    def _chunked_body(self, max_bytes: int) -> bytes:
        """Read a body that comes in chunks (RFC 9112, section 7.1), to its end even where it is too long."""
        body, n_bytes = bytearray(), 0
        while n_chunk := self._chunk_size():
            n_bytes += n_chunk
            if n_bytes > _HOPELESS_BYTES:
                self.close_connection = True
                break
            chunk = self._exactly(n_chunk)
            if n_bytes <= max_bytes:
                body += chunk
            self.rfile.readline(_MOST_HEAD_BYTES)
        else:
            while self.rfile.readline(_MOST_HEAD_BYTES).strip():
                pass  # trailers say nothing that is asked for here
        refuse_large(n_bytes, max_bytes)
        return bytes(body)

    def _chunk_size(self) -> int:
        size = self.rfile.readline(_MOST_HEAD_BYTES).partition(b";")[0].strip()
        if not _CHUNK_SIZE.fullmatch(size):
            self.close_connection = True
            raise RequestError("the body breaks off, or its chunks tell no size")
        return int(size, 16)

    def _exactly(self, n_bytes: int) -> bytes:
        body = self.rfile.read(n_bytes)
        if len(body) < n_bytes:
            self.close_connection = True
            raise RequestError("the body ended before the length that it tells")
        return body

    def _pass_over(self, n_bytes: int) -> None:
        """Read a body to its end, that the client may hear the answer; a hopelessly long one is cut off."""
        self.close_connection = True
        for _ in range(min(n_bytes, _HOPELESS_BYTES) // _CHUNK_BYTES + 1):
            if not self.rfile.read(min(_CHUNK_BYTES, n_bytes)):
                return
            n_bytes -= _CHUNK_BYTES
            if n_bytes <= 0:
                return

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("content-length", str(len(body)))
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _path(address: str) -> str:
    try:
        return urlsplit(address).path
    except ValueError as err:
        raise RequestError(f"the address cannot be read: {err}") from err


def parse_form(content_type: str, body: bytes) -> tuple[dict[str, str], bytes]:
    """Read multipart/form-data: its fields, and the file, which must be the last.

    Raises
    ------
    RequestError
        If it is none, or holds no file.
    """
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if header.get_content_type() != "multipart/form-data" or not isinstance(boundary, str) or not boundary:
        raise RequestError("send the form as multipart/form-data, with the file as its last field")
    fields: dict[str, str] = {}
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary.encode(), _MOST_FIELDS + 1)[1 : _MOST_FIELDS + 1]
    for part in parts:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        if len(head) > _MOST_HEAD_BYTES:
            break
        name = message_from_bytes(head).get_param("name", header="content-disposition")
        if name == "file":
            return fields, content
        if isinstance(name, str):
            fields[name] = content.decode(errors="replace")
    raise RequestError("the form has no file; send it as the last field, named file")


def _event(method: str, target: str, headers: Message, body: bytes, client: str) -> dict[str, Any]:
    """The request as API Gateway tells it, payload 2.0."""
    parts = urlsplit(target)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": parts.path,
        "rawQueryString": parts.query,
        "headers": {name.lower(): value for name, value in headers.items()},
        "requestContext": {
            "http": {"method": method, "path": parts.path, "protocol": "HTTP/1.1", "sourceIp": client},
            "requestId": str(uuid.uuid4()),
            "stage": "$default",
        },
        "isBase64Encoded": bool(body),
    }
    if body:
        event["body"] = base64.b64encode(body).decode()
    return event


def _created(place: Place) -> dict[str, Any]:
    """The event with which S3 tells of an upload."""
    record = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Post",
        "s3": {
            "bucket": {"name": place.bucket},
            "object": {"key": quote_plus(place.key, safe="/"), "eTag": place.etag},
        },
    }
    return {"Records": [record]}
