"""The annotation page over real HTTP: on this machine only, with sound, and saved after each answer."""

import http.client
import json
import os
import re
from collections.abc import Iterator
from contextlib import closing
from itertools import combinations
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from training.labels.pairs import Pair, read_pairs, write_pairs
from training.labels.session import Session
from training.labels.web import AnnotationServer


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """All pairs of four recordings."""
    path = tmp_path / "pairs.csv"
    write_pairs(path, [Pair(a, b) for a, b in combinations(["a", "b c", "ü", "d"], 2)])
    return path


@pytest.fixture
def server(table: Path, tmp_path: Path) -> Iterator[AnnotationServer]:
    (tmp_path / "b c.mp3").write_bytes(bytes(range(100)))
    recordings = {"b c": tmp_path / "b c.mp3"}
    with AnnotationServer(Session(table, annotator="web"), recordings) as running:
        thread = Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def ask(
    server: AnnotationServer, method: str, path: str, body: Any = None, **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    """One request; what came back."""
    data = json.dumps(body) if body is not None else None
    with closing(http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)) as connection:
        connection.request(method, path, data, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response, response.read()


def post(server: AnnotationServer, body: Any, token: str | None = None) -> tuple[int, Any]:
    response, data = ask(server, "POST", "/answer", body, X_Token=server.token if token is None else token)
    return response.status, json.loads(data)


def test_the_page_asks_nobody_but_this_server(server: AnnotationServer) -> None:
    response, body = ask(server, "GET", "/")
    page = body.decode()
    assert response.status == 200
    assert server.token in page and "{{" not in page
    assert not re.search(r"https?:|//[a-z]", page)
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';") and "http" not in policy


def test_answers_are_saved_and_what_follows_is_told(server: AnnotationServer, table: Path) -> None:
    _, body = ask(server, "GET", "/question")
    assert json.loads(body) == {
        "progress": {"answered": 0, "inferred": 0, "unknown": 6},
        "pair": {"first": "a", "second": "b c"},
    }
    assert post(server, {"action": "answer", "label": 1, "first": "a", "second": "ü"})[0] == 200
    status, state = post(server, {"action": "answer", "label": -1, "first": "b c", "second": "ü"})
    assert status == 200
    assert state["progress"] == {"answered": 2, "inferred": 1, "unknown": 3}
    assert state["news"] == ["a > ü > b c, so nobody needs to compare a and b c."]
    assert [(p.label, p.source) for p in read_pairs(table)][:2] == [(1, "inferred"), (1, "web")]
    _, state = post(server, {"action": "answer", "label": 1, "first": "b c", "second": "a"})
    assert state["news"][0].startswith("At odds with earlier answers: ")


def test_undo_and_skip_work_and_the_end_is_told(server: AnnotationServer, table: Path) -> None:
    _, state = post(server, {"action": "undo"})
    assert state["news"] == ["Nothing to undo."]
    post(server, {"action": "answer", "label": 0, "first": "a", "second": "d"})
    _, state = post(server, {"action": "undo"})
    assert state["news"] == ["Undone: a and d."]
    while state["pair"] is not None:
        _, state = post(server, {"action": "skip", **state["pair"]})
    assert all(pair.label is None for pair in read_pairs(table))


def test_an_answer_that_was_changed_meanwhile_stays_and_that_is_told(server: AnnotationServer, table: Path) -> None:
    post(server, {"action": "answer", "label": 1, "first": "a", "second": "b c"})
    write_pairs(table, [Pair("a", "b c", -1), *read_pairs(table)[1:]])
    status, state = post(server, {"action": "undo"})
    assert (status, state["news"]) == (200, ["Not undone: the label of a and b c was changed meanwhile; it stays."])
    assert read_pairs(table)[0].label == -1


def test_an_answer_that_cannot_be_saved_is_answered_with_the_reason(
    server: AnnotationServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    status, state = post(server, {"action": "answer", "label": 1, "first": "a", "second": "d"})
    assert (status, state) == (500, {"error": "no space left on device"})
    _, body = ask(server, "GET", "/question")
    assert json.loads(body)["progress"] == {"answered": 0, "inferred": 0, "unknown": 6}


@pytest.mark.parametrize(
    "body",
    [
        {"action": "answer", "label": 2, "first": "a", "second": "d"},
        {"action": "answer", "label": "1", "first": "a", "second": "d"},
        {"action": "answer", "label": 1, "first": "a", "second": "x"},
        {"action": "dance", "first": "a", "second": "d"},
        {},
        [],
        7,
    ],
)
def test_an_answer_that_is_none_is_refused(server: AnnotationServer, table: Path, body: Any) -> None:
    before = table.read_bytes()
    status, state = post(server, body)
    assert status == 400
    assert state["error"].startswith("not understood: ")
    assert table.read_bytes() == before


def test_pages_of_other_sites_cannot_answer_or_listen(server: AnnotationServer, table: Path) -> None:
    before = table.read_bytes()
    answer = {"action": "answer", "label": 1, "first": "a", "second": "d"}
    assert post(server, answer, token="guess")[0] == 403  # noqa: S106 (a wrong one)
    for method, path in (("GET", "/"), ("GET", "/recordings/b%20c"), ("POST", "/answer")):
        response, _ = ask(server, method, path, Host="rebound.example", X_Token=server.token)
        assert response.status == 403
    assert ask(server, "POST", "/answer", "x" * 20_000, X_Token=server.token)[0].status == 413
    assert table.read_bytes() == before


def test_the_server_is_reached_from_this_machine_only(server: AnnotationServer) -> None:
    assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("wanted", "status", "data"),
    [
        (None, 200, bytes(range(100))),
        ("bytes=0-", 206, bytes(range(100))),
        ("bytes=10-19", 206, bytes(range(10, 20))),
        ("bytes=90-500", 206, bytes(range(90, 100))),
    ],
)
def test_recordings_are_sent_in_parts(server: AnnotationServer, wanted: str | None, status: int, data: bytes) -> None:
    response, body = ask(server, "GET", "/recordings/b%20c", **({"Range": wanted} if wanted else {}))
    assert (response.status, response.headers["Content-Type"], body) == (status, "audio/mpeg", data)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/recordings/a", 404), ("/recordings/..%2Fpairs.csv", 404), ("/favicon.ico", 404)],
)
def test_nothing_else_is_sent(server: AnnotationServer, path: str, status: int) -> None:
    assert ask(server, "GET", path)[0].status == status
    assert ask(server, "GET", "/recordings/b%20c", Range="bytes=100-")[0].status == 416
