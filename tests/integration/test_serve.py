"""`pkai serve` over real HTTP: every route, uploads into a folder, and many clients at once."""

import base64
import dataclasses
import json
import os
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import requests

import handler
import piano_tone
import recording_files
from local_server import serving
from pkai import uploads
from pkai.serve import LocalServer

N_CLIENTS = 50


@pytest.fixture
def server(short_root: Path, tmp_path: Path) -> Iterator[LocalServer]:
    yield from serving(short_root, tmp_path)


def post(server: LocalServer, path: str, **how: Any) -> requests.Response:
    return requests.post(server.url + path, timeout=60, **how)


def get(server: LocalServer, path: str) -> requests.Response:
    return requests.get(server.url + path, timeout=60)


def code(answer: requests.Response) -> str:
    told: str = answer.json()["error"]["code"]
    return told


def test_a_recording_is_assessed_as_with_curl(server: LocalServer, recording: bytes) -> None:
    answer = post(server, "/v1/assessments?piece=fur-elise", data=recording, headers={"Content-Type": "audio/wav"})
    assert answer.status_code == 200
    assert answer.json()["rank"]["of"] == 3


def test_an_upload_is_assessed_and_kept_in_the_folder(server: LocalServer, recording: bytes, tmp_path: Path) -> None:
    offered = post(server, "/v1/uploads", json={"content_type": "audio/wav", "references": ["elise-expert"]}).json()
    assert get(server, offered["assessment"]).status_code == 404
    sent = post(server, "/uploads", data=offered["fields"], files={"file": recording})
    assert (offered["url"], sent.status_code) == (f"{server.url}/uploads", 204)
    answer = wait_for(server, offered["assessment"])
    assert answer["status"] == "done"
    assert [c["reference"]["name"] for c in answer["assessment"]["comparisons"]] == ["elise-expert"]
    assert (tmp_path / "uploads" / "uploads" / offered["id"]).read_bytes() == recording


def test_of_two_recordings_the_first_is_the_first(server: LocalServer, recording: bytes, tmp_path: Path) -> None:
    other = recording_files.write(tmp_path / "other.wav", piano_tone.notes(1.0, 22_050, seed=3)).read_bytes()
    both = [{"base64": base64.b64encode(one).decode()} for one in (recording, other)]
    alone = [post(server, "/v1/assessments", json={"audio": one}).json()["score"] for one in both]
    answer = post(server, "/v1/comparisons", json={"first": both[0], "second": both[1]}).json()
    assert [answer["first"]["score"], answer["second"]["score"]] == alone
    assert (answer["p_better"] > 0.5) == (alone[0] > alone[1])
    assert alone[0] != alone[1]


def test_of_two_recordings_the_wrong_one_is_named(server: LocalServer, recording: bytes) -> None:
    good = {"base64": base64.b64encode(recording).decode()}
    for bad, why in (("@@", "invalid_base64"), ("AAAA", "unsupported_audio")):
        answer = post(server, "/v1/comparisons", json={"first": good, "second": {"base64": bad}})
        assert code(answer) == why
        assert answer.json()["error"]["message"].startswith("second: ")


def test_an_upload_that_nobody_assesses_any_more_is_given_up(server: LocalServer, tmp_path: Path) -> None:
    upload = tmp_path / "uploads" / "uploads" / ("0" * 32)
    upload.parent.mkdir(parents=True)
    upload.write_bytes(b"waits")
    assert get(server, f"/v1/assessments/{upload.name}").status_code == 202
    long_ago = time.time() - uploads.ASSESSED_WITHIN.total_seconds() - 60
    os.utime(upload, (long_ago, long_ago))
    answer = get(server, f"/v1/assessments/{upload.name}")
    assert (answer.status_code, answer.json()["error"]["message"][:31]) == (404, "this upload could not be assess")


def test_without_references_that_can_be_read_the_service_is_not_well(
    server: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert get(server, "/v1/health").status_code == 200
    broken = tmp_path / "references.json"
    broken.write_text("[{}]")
    settings = dataclasses.replace(handler._service().settings, references=str(broken))
    monkeypatch.setattr(handler._service(), "settings", settings)
    assert get(server, "/v1/health").status_code == 500


def test_a_form_is_sent_to_the_name_by_which_the_service_was_found(server: LocalServer) -> None:
    asked = {"json": {"content_type": "audio/wav"}}
    by_name = server.url.replace("127.0.0.1", "localhost")
    assert requests.post(f"{by_name}/v1/uploads", **asked, timeout=60).json()["url"] == f"{by_name}/uploads"
    behind = {"Host": "piano.example", "X-Forwarded-Proto": "https"}
    offered = post(server, "/v1/uploads", **asked, headers=behind).json()
    assert offered["url"] == "https://piano.example/uploads"


def wait_for(server: LocalServer, path: str) -> dict[str, Any]:
    give_up_at = time.monotonic() + 60
    while (answer := get(server, path)).status_code == 202:
        assert answer.headers["retry-after"]
        assert time.monotonic() < give_up_at
        time.sleep(0.05)
    found: dict[str, Any] = answer.json()
    return found


def test_an_upload_that_was_not_assessed_before_the_end_is_assessed_after_the_next_start(
    short_root: Path, tmp_path: Path
) -> None:
    (tmp_path / "uploads" / "uploads").mkdir(parents=True)
    (tmp_path / "uploads" / "uploads" / ("0" * 32)).write_bytes(b"no music")
    for server in serving(short_root, tmp_path):
        answer = wait_for(server, f"/v1/assessments/{'0' * 32}")
        assert answer["error"]["code"] == "unsupported_audio"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"key": "uploads/other"}, "not as it was signed"),
        ({"Content-Type": "text/html"}, "not as it was signed"),
        ({"policy": "e30="}, "not signed here"),
        ({"signature": "é"}, "not signed here"),
    ],
)
def test_a_form_that_was_changed_is_refused(
    changed: dict[str, str], message: str, server: LocalServer, recording: bytes
) -> None:
    fields = post(server, "/v1/uploads", json={"content_type": "audio/wav"}).json()["fields"]
    answer = post(server, "/uploads", data=fields | changed, files={"file": recording})
    assert answer.status_code == 400
    assert message in answer.json()["error"]["message"]


@pytest.mark.parametrize("wish", [{"piece": "sonata"}, {"references": ["nobody"]}, {"model": "none"}])
def test_no_form_is_given_for_what_cannot_be_assessed(wish: dict[str, Any], server: LocalServer) -> None:
    answer = post(server, "/v1/uploads", json={"content_type": "audio/wav", **wish})
    assert (answer.status_code, code(answer)) == (400, "invalid_request")


def test_a_form_is_good_for_one_file(server: LocalServer, recording: bytes) -> None:
    fields = post(server, "/v1/uploads", json={"content_type": "audio/wav"}).json()["fields"]
    answers = [post(server, "/uploads", data=fields, files={"file": recording}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 400]
    assert "used before" in answers[1].json()["error"]["message"]


def test_an_empty_file_and_a_file_over_the_limit_are_refused(server: LocalServer) -> None:
    fields = post(server, "/v1/uploads", json={"content_type": "audio/wav"}).json()["fields"]
    assert post(server, "/uploads", data=fields, files={"file": b""}).status_code == 400
    answer = post(server, "/uploads", data=fields, files={"file": bytes(50 * 1024**2 + 1)})
    assert (answer.status_code, code(answer)) == (413, "recording_too_large")


def test_a_body_over_the_limit_is_refused_with_its_code(server: LocalServer) -> None:
    answer = post(
        server, "/v1/assessments", data=bytes(6 * 1024**2 + 1), headers={"Content-Type": "application/octet-stream"}
    )
    assert (answer.status_code, code(answer)) == (413, "request_too_large")


def test_a_body_in_chunks_is_taken(server: LocalServer, recording: bytes) -> None:
    parts = (recording[start : start + 100_000] for start in range(0, len(recording), 100_000))
    answer = post(server, "/v1/assessments", data=parts, headers={"Content-Type": "audio/wav"})
    assert (answer.status_code, answer.json()["recording"]["codec"]) == (200, "pcm_s16le")


def test_chunks_over_the_limit_are_read_to_their_end_and_refused(server: LocalServer) -> None:
    answer = post(server, "/v1/assessments", data=(bytes(1024**2) for _ in range(7)))
    assert (answer.status_code, code(answer)) == (413, "request_too_large")
    assert "POST /v1/uploads takes larger" in answer.json()["error"]["message"]


@pytest.mark.parametrize("sent", [b"no size\r\n", b"-5\r\n", b"5\r\nab"])
def test_chunks_that_break_off_are_refused(sent: bytes, server: LocalServer) -> None:
    head = b"POST /v1/assessments HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    status, body = exchanged(server, head + sent)
    assert (status, json.loads(body)["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("headers", [{"Content-Length": "-5"}, {"Content-Length": "9" * 5000}])
def test_a_body_of_unknown_length_is_refused(headers: dict[str, str], server: LocalServer) -> None:
    connection = HTTPConnection("127.0.0.1", server.server_address[1], timeout=30)
    connection.putrequest("POST", "/v1/assessments")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["error"]["code"]) == (400, "invalid_request")
    connection.close()


def exchanged(server: LocalServer, sent: bytes) -> tuple[int, bytes]:
    """Status and body of what is answered to these bytes, after which the client says no more."""
    with socket.create_connection(("127.0.0.1", server.server_address[1]), timeout=30) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        head, _, body = b"".join(iter(lambda: connection.recv(65_536), b"")).partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@pytest.mark.parametrize(
    ("line", "status", "why"),
    [
        (b"GET http://[x/ HTTP/1.1", 400, "the address cannot be read"),
        (b'GET "x" y z HTTP/1.1', 400, "Bad Request"),
        (b'FOO"X / HTTP/1.1', 405, "this path takes GET and HEAD only"),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1", 414, "Request-URI Too Long"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, 431, "Request Header Fields Too Large"),
    ],
)
def test_what_is_no_request_is_answered_in_json(line: bytes, status: int, why: str, server: LocalServer) -> None:
    answered, body = exchanged(server, line + b"\r\nConnection: close\r\n\r\n")
    told = json.loads(body)["error"]
    assert answered == status
    assert why in told["message"]
    assert len(told["request_id"]) > 30


def test_a_path_that_leaves_the_folder_leads_nowhere(server: LocalServer, tmp_path: Path) -> None:
    (tmp_path.parent / "secret").write_text("secret")
    (tmp_path / "uploads").mkdir()  # else nothing is found by way of it
    for uri in ("s3://uploads/../../secret", "s3://uploads/%2e%2e/%2e%2e/secret", "s3://uploads/" + "x" * 1000):
        answer = post(server, "/v1/assessments", json={"audio": {"s3": uri}})
        assert (answer.status_code, code(answer)) == (404, "recording_not_found")
    assert code(post(server, "/v1/assessments", json={"audio": {"s3": "s3://../secret"}})) == "location_not_allowed"


def test_head_is_answered_without_a_body_and_other_methods_with_those_allowed(server: LocalServer) -> None:
    head, whole = requests.head(f"{server.url}/v1/health", timeout=30), get(server, "/v1/health")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]
    answer = requests.delete(f"{server.url}/v1/assessments/{'0' * 32}", timeout=30)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_fifty_clients_at_once_are_all_answered(server: LocalServer, recording: bytes) -> None:
    """Each uploads, assesses, compares with nobody else's answer, and asks for what there is not."""

    def ask(n: int) -> list[int]:
        as_wav = {"Content-Type": "audio/wav"}
        statuses = [
            post(server, "/v1/assessments", data=recording, headers=as_wav).status_code,
            post(server, "/v1/assessments", data=b"RIFF" + bytes([n]), headers=as_wav).status_code,
            get(server, "/v1/health").status_code,
            get(server, "/v1/references").status_code,
        ]
        offered = post(server, "/v1/uploads", json={"content_type": "audio/wav"}).json()
        post(server, "/uploads", data=offered["fields"], files={"file": recording})
        answer = wait_for(server, offered["assessment"])
        assert answer["id"] == offered["id"]
        return [*statuses, 200 if answer["status"] == "done" else 0]

    with ThreadPoolExecutor(N_CLIENTS) as pool:
        answers = list(pool.map(ask, range(N_CLIENTS)))
    assert Counter(map(tuple, answers)) == {(200, 415, 200, 200, 200): N_CLIENTS}
