"""Uploads and their events against moto's real S3 and SQS over HTTP, with duplicates, disorder and failures."""

import base64
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3.session
import pytest
import requests
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

import local_aws
import service
from events import make_events
from pkai import storage, uploads
from pkai.errors import RecordsFailed
from pkai.storage import S3
from pkai.store import Place

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

UPLOADS, RESULTS = "pkai-uploads", "pkai-results"
Refusing = Callable[[str, str], bool]


@dataclass(frozen=True)
class Installation:
    """The service with its two buckets, both keeping versions as on AWS."""

    s3: "S3Client"
    endpoint: str

    def upload(self, key: str, body: bytes, **more: Any) -> dict[str, Any]:
        """Put an object; returns the record with which S3 tells of it."""
        written = self.s3.put_object(Bucket=UPLOADS, Key=key, Body=body, **more)
        return self.record(key, version_id=written["VersionId"], etag=written["ETag"].strip('"'))

    def record(self, key: str, *, version_id: str, etag: str) -> dict[str, Any]:
        """A record as S3 writes it."""
        record = make_events._record(key, bucket=UPLOADS)
        record["s3"]["object"] |= {"versionId": version_id, "eTag": etag}
        return record

    def results(self) -> Counter[str]:
        """Key of each result -> how often it was written."""
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=RESULTS)
        return Counter(version["Key"] for page in pages for version in page.get("Versions", []))

    def result(self, key: str) -> dict[str, Any]:
        """A result."""
        found: dict[str, Any] = json.loads(self.s3.get_object(Bucket=RESULTS, Key=key)["Body"].read())
        return found


@pytest.fixture
def installed(short_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    with local_aws.s3_server() as endpoint:
        for bucket in (UPLOADS, RESULTS):
            local_aws.create_bucket(endpoint, bucket, versioned=True)
        service.configure(
            monkeypatch,
            **local_aws.ENVIRONMENT,
            AWS_ENDPOINT_URL_S3=endpoint,
            AWS_MAX_ATTEMPTS="2",
            PKAI_BUCKETS="",
            PKAI_UPLOADS_BUCKET=UPLOADS,
            PKAI_RESULTS_BUCKET=RESULTS,
            PKAI_MODEL_DIR=str(short_root),
            PKAI_THREADS="1",
        )
        s3 = local_aws.client(endpoint)
        yield Installation(s3=s3, endpoint=endpoint)
        s3.close()
        storage._client().close()
        service.configure(monkeypatch)


def refuse_where(refusing: Refusing) -> None:
    """Make S3 answer 503 to the requests that `refusing` picks by their method and URL."""

    class Body:
        def stream(self, **_: object) -> Iterator[bytes]:
            yield b"<Error><Code>SlowDown</Code><Message>told by S3</Message></Error>"

    def answer(request: Any, **_: object) -> AWSResponse | None:
        if not refusing(request.method, request.url):
            return None
        return AWSResponse(request.url, 503, HTTPHeaders(), Body())

    events: Any = storage._client().meta.events  # its types leave out that a hook may answer
    events.register("before-send.s3", answer)


def http(method: str, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
    answer = service.invoke(make_events._http(method, path, **body))
    return answer["statusCode"], json.loads(answer["body"])


def test_a_presigned_upload_leads_to_the_answer_that_the_api_returns(installed: Installation, recording: bytes) -> None:
    asked = {"content_type": "audio/wav", "references": ["elise-expert"]}
    status, offered = http("POST", "/v1/uploads", json_body=asked)
    assert status == 201
    assert http("GET", offered["assessment"])[0] == 404
    sent = requests.post(offered["url"], data=offered["fields"], files={"file": recording}, timeout=30)
    assert sent.status_code == 204
    status, pending = http("GET", offered["assessment"])
    assert (status, pending) == (202, {"id": offered["id"], "status": "pending"})
    key = offered["fields"]["key"]
    head = installed.s3.head_object(Bucket=UPLOADS, Key=key)
    record = installed.record(key, version_id=head["VersionId"], etag=head["ETag"].strip('"'))
    service.invoke({"Records": [record]})
    status, answer = http("GET", offered["assessment"])
    assert (status, answer["status"]) == (200, "done")
    assert [c["reference"]["name"] for c in answer["assessment"]["comparisons"]] == ["elise-expert"]
    installed.s3.delete_object(Bucket=UPLOADS, Key=key)  # as the lifecycle rule does, long before the answer goes
    assert http("GET", offered["assessment"]) == (200, answer)


def test_the_form_allows_one_key_one_type_and_so_many_bytes(installed: Installation) -> None:
    _, offered = http("POST", "/v1/uploads", json_body={"content_type": "audio/mpeg"})
    policy = json.loads(base64.b64decode(offered["fields"]["policy"]))
    assert {"key": f"uploads/{offered['id']}"} in policy["conditions"]
    assert {"Content-Type": "audio/mpeg"} in policy["conditions"]
    assert {"bucket": UPLOADS} in policy["conditions"]
    assert ["content-length-range", 1, 50 * 1024**2] in policy["conditions"]
    assert installed.endpoint in offered["url"]


def test_an_upload_of_another_type_is_not_offered(installed: Installation) -> None:
    status, answer = http("POST", "/v1/uploads", json_body={"content_type": "text/html"})
    assert (status, answer["error"]["code"]) == (400, "invalid_request")
    assert "audio/mpeg" in answer["error"]["message"]


def test_the_same_event_twice_writes_once(installed: Installation, recording: bytes) -> None:
    event = {"Records": [installed.upload("uploads/one.wav", recording)]}
    assert service.invoke(event)["assessed"] == 1
    assert service.invoke(event)["repeated"] == 1
    assert list(installed.results().values()) == [1]


def test_each_version_of_a_key_has_its_result_in_whatever_order(installed: Installation, recording: bytes) -> None:
    first = installed.upload("uploads/one.wav", b"no music")
    second = installed.upload("uploads/one.wav", recording)
    for record in (second, first, second):
        service.invoke({"Records": [record]})
    found = [installed.result(key)["status"] for key in installed.results()]
    assert sorted(found) == ["done", "failed"]


def test_the_api_answers_for_the_version_that_is_there_now(installed: Installation, recording: bytes) -> None:
    key = f"uploads/{make_events.UPLOAD_ID}"
    first = installed.upload(key, b"no music")
    second = installed.upload(key, recording)
    service.invoke({"Records": [first]})
    path = f"/v1/assessments/{make_events.UPLOAD_ID}"
    assert http("GET", path)[0] == 202
    service.invoke({"Records": [second]})
    assert http("GET", path)[1]["status"] == "done"


@pytest.mark.parametrize("key", ["uploads/a b+c%20.wav", "uploads/für élise.wav", "uploads/日本/ピアノ.wav"])
def test_keys_of_every_kind_are_read_from_both_kinds_of_events(
    installed: Installation, recording: bytes, key: str
) -> None:
    record = installed.upload(key, recording)
    bridged = make_events._bridged("Object Created", key)
    bridged["detail"]["object"] |= {"version-id": record["s3"]["object"]["versionId"], "etag": "any"}
    assert service.invoke(bridged)["assessed"] == 1
    assert service.invoke({"Records": [record]})["repeated"] == 1


def test_the_senders_mistake_is_the_result(installed: Installation) -> None:
    record = installed.upload(f"uploads/{make_events.UPLOAD_ID}", b"Dear all,")
    assert service.invoke({"Records": [record]})["refused"] == 1
    (key,) = installed.results()
    result = installed.result(key)
    assert (result["id"], result["status"]) == (make_events.UPLOAD_ID, "failed")
    assert result["error"]["code"] == "unsupported_audio"


def test_one_bad_object_does_not_fail_its_neighbours(installed: Installation, recording: bytes) -> None:
    records = [installed.upload(f"uploads/{name}.wav", recording) for name in ("one", "two", "three")]
    refuse_where(lambda method, url: method == "GET" and "two.wav" in url)
    unreadable = {"eventSource": "aws:s3", "s3": {}}
    with pytest.raises(RecordsFailed, match=r'^2 of 4 objects could not be assessed: .*two\.wav.*"storage_error"'):
        service.invoke({"Records": [unreadable, *records]})
    assert len(installed.results()) == 2


def _other() -> dict[str, Any]:
    return make_events._record("results/x.json", bucket=RESULTS)


def test_a_throttled_request_is_tried_again(installed: Installation, recording: bytes) -> None:
    record = installed.upload("uploads/one.wav", recording)
    asked: Counter[str] = Counter()

    def first_of_each(method: str, url: str) -> bool:
        asked[method] += 1
        return asked[method] == 1

    refuse_where(first_of_each)
    assert service.invoke({"Records": [record]})["assessed"] == 1
    assert asked["GET"] == 2
    assert asked["PUT"] == 2


def test_a_result_never_leads_to_another(installed: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    service.configure(monkeypatch, PKAI_BUCKETS=RESULTS)  # even where somebody made the results readable
    assert service.invoke({"Records": [_other()]})["passed_over"] == 1
    assert installed.results() == Counter()


def test_ids_of_other_keys_follow_from_the_key() -> None:
    ids = {
        uploads.assessment_id(Place(bucket=bucket, key=key), uploads_bucket=UPLOADS)
        for bucket in (UPLOADS, "elsewhere")
        for key in ("uploads/one", f"uploads/{make_events.UPLOAD_ID}", make_events.UPLOAD_ID)
    }
    assert len(ids) == 6
    assert make_events.UPLOAD_ID in ids
    assert all(map(uploads.is_id, ids))


def test_of_a_thousand_records_each_object_has_one_result_or_a_dead_letter(
    installed: Installation, recording: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fifth told twice, one request in twenty refused, one object in a hundred never to be read.

    A letter may name an object besides that has its result, where S3 refused to say so at the last attempt.
    """
    _put_as_s3_does(monkeypatch)
    chance = random.Random(1)  # noqa: S311  # the same bad luck in every run
    told_once = [installed.upload(f"uploads/{n:03} é.wav", recording) for n in range(800)]
    unreadable = {f"{n:03} é.wav" for n in range(0, 800, 100)}
    told = [*told_once, *chance.sample(told_once, 200)]
    chance.shuffle(told)
    letters = _DeadLetters(installed.endpoint)
    lock = threading.Lock()

    def refusing(method: str, url: str) -> bool:
        with lock:
            unlucky = chance.random() < 0.05
        return unlucky or (method == "GET" and requests.utils.unquote(url.partition("?")[0])[-9:] in unreadable)

    refuse_where(refusing)
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda start: _as_lambda_does(told[start : start + 10], letters), range(0, 1000, 10)))
    assert len(done) == 100
    results = installed.results()
    assert set(results.values()) == {1}
    assert {key.removeprefix("uploads/") for key in letters.keys()} >= unreadable
    assert len(results) == 800 - len(unreadable)
    for record in told_once:
        thing = record["s3"]["object"]
        place = Place(
            bucket=UPLOADS, key=requests.utils.unquote(thing["key"].replace("+", " ")), version_id=thing["versionId"]
        )
        key = uploads.result_key(uploads.assessment_id(place, uploads_bucket=UPLOADS), place)
        assert (key in results) != (place.key.removeprefix("uploads/") in unreadable), place


class _DeadLetters:
    """A queue on moto's server."""

    def __init__(self, endpoint: str) -> None:
        self._sqs = boto3.session.Session().client("sqs", endpoint_url=endpoint, region_name=local_aws.REGION)
        self._url = self._sqs.create_queue(QueueName="dead-letters")["QueueUrl"]

    def send(self, event: dict[str, Any], err: Exception) -> None:
        """What Lambda's failure destination writes."""
        letter = {
            "requestContext": {"condition": "RetriesExhausted"},
            "requestPayload": event,
            "responsePayload": {"errorType": type(err).__name__, "errorMessage": str(err)},
        }
        self._sqs.send_message(QueueUrl=self._url, MessageBody=json.dumps(letter))

    def keys(self) -> set[str]:
        """Objects that the reasons in the queue name."""
        named = set()
        while messages := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                reason = json.loads(message["Body"])["responsePayload"]["errorMessage"]
                named |= {failed["key"] for failed in json.loads(reason.partition(": ")[2])}
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        self._sqs.close()
        return named


def _as_lambda_does(records: list[dict[str, Any]], letters: _DeadLetters) -> None:
    """An event is tried three times as a whole, and then put aside with the reason."""
    event = {"Records": records}
    for attempt in (1, 2, 3):
        try:
            service.invoke(event)
        except RecordsFailed as err:
            if attempt == 3:
                letters.send(event, err)
        else:
            return


def _put_as_s3_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let moto look and write in one step: it takes two, between which another request may write."""
    put_once, lock = S3.put_once, threading.Lock()

    def whole(store: S3, bucket: str, key: str, document: bytes) -> bool:
        with lock:
            return put_once(store, bucket, key, document)

    monkeypatch.setattr(S3, "put_once", whole)
