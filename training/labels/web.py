"""Annotation in the browser: a page on this machine alone, with the two recordings under two keys."""

import json
import logging
import re
import secrets
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import unquote

from pkai import media_types
from training.labels.pairs import Pair
from training.labels.session import Session, Taken

_log = logging.getLogger(__name__)

_PAGE = Path(__file__).with_name("annotate.html")
_POLICY = "default-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
_MOST_BYTES = 10_000  # of a request's body; an answer has a hundred


class AnnotationServer(ThreadingHTTPServer):
    """Serves one session on the loopback interface.

    Parameters
    ----------
    port : 0 takes a free one; `url` tells which
    recordings : name -> file, for those there are
    """

    daemon_threads = True

    def __init__(self, session: Session, recordings: Mapping[str, Path], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.session, self.recordings = session, recordings
        self.lock = Lock()  # the session is one; the browser asks over several connections
        self.token = secrets.token_urlsafe(16)  # in the page, so that no other site's page can post answers

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://127.0.0.1:{self.server_port}/"

    def question(self) -> dict[str, Any]:
        """The next pair and how far the table has come, as the page reads it."""
        pair = self.session.next()
        done = self.session.progress
        counts = {"answered": done.answered, "inferred": done.inferred, "unknown": done.unknown}
        asked = None if pair is None else {"first": pair.first, "second": pair.second}
        return {"progress": counts, "pair": asked}

    def answer(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Take what was pressed; the next question and what followed."""
        action = body.get("action")
        if action == "undo":
            news = [self._undo()]
            return {**self.question(), "news": news}
        pair = Pair(str(body.get("first")), str(body.get("second")))
        if action == "skip":
            self.session.skip(pair)
            return {**self.question(), "news": []}
        if action != "answer" or body.get("label") not in (1, 0, -1):
            raise ValueError("needs action answer with label 1, 0 or -1, or action skip or undo")
        taken = self.session.answer(pair, int(body["label"]))
        return {**self.question(), "news": _news(taken)}

    def _undo(self) -> str:
        try:
            last = self.session.undo()
        except ValueError as err:
            return f"Not undone: {err}."
        return "Nothing to undo." if last is None else f"Undone: {last.first} and {last.second}."


def _news(taken: Taken) -> list[str]:
    odds = [f"At odds with earlier answers: {taken.contradiction.cycle}"] if taken.contradiction else []
    return odds + [f"{why}, so nobody needs to compare {p.first} and {p.second}." for p, why in taken.followed]


class _Handler(BaseHTTPRequestHandler):
    server: AnnotationServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if not self._is_ours():
            return
        if self.path == "/":
            page = _PAGE.read_text(encoding="utf-8").replace("{{token}}", self.server.token)
            self._send(page.encode(), "text/html; charset=utf-8")
        elif self.path == "/question":
            self._answer_with(self.server.question)
        elif self.path.startswith("/recordings/"):
            self._send_recording(unquote(self.path.removeprefix("/recordings/")))
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is /, /question and /recordings/NAME")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not self._is_ours():
            return
        if self.path != "/answer" or not secrets.compare_digest(self.headers.get("X-Token", ""), self.server.token):
            self._refuse(HTTPStatus.FORBIDDEN, "answers are posted to /answer by the page itself")
        elif not length.isdecimal() or int(length) > _MOST_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"an answer has a length, of {_MOST_BYTES} bytes at most")
        else:
            body = self.rfile.read(int(length))
            self._answer_with(lambda: self.server.answer(json.loads(body)))

    def _is_ours(self) -> bool:
        """Refuse pages of other sites that reach this address under their own name."""
        if self.headers.get("Host") in {f"{name}:{self.server.server_port}" for name in ("127.0.0.1", "localhost")}:
            return True
        self._refuse(HTTPStatus.FORBIDDEN, f"this page lives at {self.server.url}")
        return False

    def _answer_with(self, work: Callable[[], dict[str, Any]]) -> None:
        try:
            with self.server.lock:
                body = json.dumps(work(), ensure_ascii=False)
        except (ValueError, KeyError, AttributeError) as err:
            self._refuse(HTTPStatus.BAD_REQUEST, f"not understood: {err}")
        except OSError as err:  # a full disk
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, str(err))
        else:
            self._send(body.encode(), "application/json")

    def _send_recording(self, name: str) -> None:
        path = self.server.recordings.get(name)
        if path is None:
            self._refuse(HTTPStatus.NOT_FOUND, f"no recording of {name} is here")
            return
        data = path.read_bytes()
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start = int(wanted[1]) if wanted else 0
        stop = min(int(wanted[2]) + 1 if wanted and wanted[2] else len(data), len(data))
        if start >= stop:
            self._refuse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"the recording has {len(data)} bytes")
            return
        extent = {"Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"} if wanted else {}
        self._send(data[start:stop], media_types.BY_SUFFIX.get(path.suffix.lower(), "application/octet-stream"), extent)

    def _send(self, body: bytes, media_type: str, headers: Mapping[str, str] | None = None) -> None:
        headers = {"Accept-Ranges": "bytes", **(headers or {})}
        self.send_response(HTTPStatus.PARTIAL_CONTENT if "Content-Range" in headers else HTTPStatus.OK)
        base = {"Content-Type": media_type, "Content-Length": str(len(body)), "Cache-Control": "no-store"}
        for key, value in {**base, "Content-Security-Policy": _POLICY, **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self.close_connection = True  # a body may be unread
        body = json.dumps({"error": why}).encode()
        self.send_response(status)
        for key, value in {"Content-Type": "application/json", "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        _log.debug(format, *args)
