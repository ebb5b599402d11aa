"""S3 misbehaves over real HTTP, and storage says so: nothing is read past the limit and nothing is left behind."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import local_aws
from pkai import storage
from pkai.errors import RecordingNotFound, RecordingTooLarge, StorageError
from pkai.settings import Settings
from pkai.storage import S3
from pkai.store import MAX_OBJECT_BYTES, Place

Behaviour = Callable[[BaseHTTPRequestHandler], None]
PLACE = Place(bucket="recordings", key="one.mp3")


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_a_form_is_posted_where_the_page_may_post_to(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (local_aws.ENVIRONMENT | {"AWS_DEFAULT_REGION": region}).items():
        monkeypatch.setenv(name, value)
    storage._client.cache_clear()
    form = S3().upload_form(PLACE, content_type="audio/mpeg", notes={}, expires_in_s=60)
    storage._client().close()
    storage._client.cache_clear()
    allowed = Settings(region=region, uploads_bucket=PLACE.bucket).upload_origin
    assert form.url == f"{allowed}/"


class Stub:
    """An S3 endpoint that does what a test tells it to, one behaviour for each request and the last for the rest."""

    def __init__(self) -> None:
        self.behaviours: list[Behaviour] = []
        self.n_requests = 0

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Behave as the test told, and count."""
        self.n_requests += 1
        self.behaviours[min(self.n_requests, len(self.behaviours)) - 1](request)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    s3 = Stub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            s3.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the tests look at what storage makes of it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up are what is tested
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    for name, value in local_aws.ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    storage._client.cache_clear()
    yield s3
    storage._client().close()
    storage._client.cache_clear()
    server.shutdown()
    thread.join()
    server.server_close()


def sends(body: bytes, *, status: int = 200, claims: int | None = None) -> Behaviour:
    """Answer with a body, and with a length that may be a lie."""

    def behave(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(body) if claims is None else claims))
        request.end_headers()
        request.wfile.write(body)
        request.close_connection = True

    return behave


def refuses(status: int, code: str) -> Behaviour:
    """Answer with an error as S3 writes it."""
    return sends(f"<Error><Code>{code}</Code><Message>told by S3</Message></Error>".encode(), status=status)


def sends_without_end(request: BaseHTTPRequestHandler) -> None:
    """Answer with chunks and no length until the client hangs up."""
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    while True:
        request.wfile.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")


def stays_silent(request: BaseHTTPRequestHandler) -> None:
    """Answer nothing for longer than anyone waits."""
    time.sleep(0.5)
    request.close_connection = True


def read(*, max_bytes: int = MAX_OBJECT_BYTES) -> bytes:
    with storage.S3(max_bytes=max_bytes).fetched(PLACE) as fetched:
        return fetched.file.read()


def test_an_object_is_read_whole(stub: Stub) -> None:
    stub.behaviours = [sends(b"music" * 1000)]
    assert read() == b"music" * 1000


def test_an_object_that_says_it_is_too_large_is_not_read(stub: Stub) -> None:
    stub.behaviours = [sends(b"only the start", claims=3 * 1024**2)]
    with pytest.raises(RecordingTooLarge, match="the object has over 2 MB; send a smaller or compressed file"):
        read(max_bytes=2 * 1024**2)


def test_an_object_of_just_the_limit_is_read(stub: Stub) -> None:
    stub.behaviours = [sends(bytes(100))]
    assert len(read(max_bytes=100)) == 100


def test_an_object_that_says_nothing_of_its_size_is_read_no_further_than_the_limit(stub: Stub) -> None:
    stub.behaviours = [sends_without_end]
    with pytest.raises(RecordingTooLarge, match="the object has over 2 MB; send a smaller or compressed file"):
        read(max_bytes=2 * 1024**2)


@pytest.mark.parametrize("code", ["NoSuchKey", "NoSuchBucket"])
def test_a_missing_object_is_not_found(stub: Stub, code: str) -> None:
    stub.behaviours = [refuses(404, code)]
    with pytest.raises(RecordingNotFound, match="there is no such object; check the bucket and the key"):
        read()
    assert stub.n_requests == 1


def test_a_throttled_request_is_tried_again(stub: Stub) -> None:
    stub.behaviours = [refuses(503, "SlowDown"), sends(b"music")]
    assert read() == b"music"


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (500, "InternalError")])
def test_trouble_that_stays_is_the_storages(stub: Stub, status: int, code: str) -> None:
    stub.behaviours = [refuses(status, code)]
    with pytest.raises(StorageError, match=f"S3 answered {code}; try again"):
        read()
    assert stub.n_requests == 2


def test_denied_access_says_what_the_role_needs(stub: Stub) -> None:
    stub.behaviours = [refuses(403, "AccessDenied")]
    with pytest.raises(StorageError, match="needs s3:GetObject and s3:ListBucket"):
        read()


def test_an_answer_that_never_comes_is_the_storages_trouble(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "READ_TIMEOUT_S", 0.1)
    stub.behaviours = [stays_silent]
    with pytest.raises(StorageError, match=r"could not be read \(ReadTimeoutError\); try again"):
        read()


def test_an_answer_that_breaks_off_is_the_storages_trouble(stub: Stub) -> None:
    stub.behaviours = [sends(b"only the start", claims=1000)]
    with pytest.raises(StorageError, match="could not be read"):
        read()


def test_a_place_where_nobody_listens_is_the_storages_trouble(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    with pytest.raises(StorageError, match=r"could not be read \(EndpointConnectionError\)"):
        read()


@pytest.mark.parametrize("n_bytes", [10, 9 * 1024**2])
def test_no_file_stays_behind_even_if_the_recording_is_refused(
    stub: Stub, n_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stub.behaviours = [sends(bytes(n_bytes))]
    with (
        pytest.raises(ZeroDivisionError),
        storage.S3().fetched(PLACE) as fetched,
    ):
        assert len(fetched.file.read()) == n_bytes
        raise ZeroDivisionError
    assert fetched.file.closed
    assert list(tmp_path.iterdir()) == []
