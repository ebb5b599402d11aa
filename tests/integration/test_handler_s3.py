"""Direct events that name an object, against moto's real server over HTTP."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

import local_aws
import recording_files
import service
from pkai import storage
from pkai.errors import StorageError
from pkai.store import MAX_OBJECT_BYTES

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "recordings"


@pytest.fixture
def s3(model_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["S3Client"]:
    """A client of the server that the service reads from, with an empty bucket."""
    with local_aws.s3_server() as endpoint:
        service.configure(
            monkeypatch,
            **local_aws.ENVIRONMENT,
            AWS_ENDPOINT_URL_S3=endpoint,
            PKAI_BUCKETS=BUCKET,
            PKAI_MODEL_DIR=str(model_root),
        )
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": local_aws.REGION})
        yield client
        client.close()
        storage._client().close()
        service.configure(monkeypatch)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """12 s of a made-up piano."""
    return recording_files.write(tmp_path_factory.mktemp("recording") / "piano.webm").read_bytes()


@pytest.mark.parametrize("key", ["piano.webm", "a folder/für elise + 日本 100%.webm", "piano.mp3?versionId=1#part"])
def test_an_object_is_assessed_whatever_its_key(s3: "S3Client", recording: bytes, key: str) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=recording)
    answer = service.invoke({"audio": {"s3": f"s3://{BUCKET}/{key}"}})
    assert answer["recording"]["duration_s"] == pytest.approx(12.0, abs=0.1)


def test_an_object_and_the_same_bytes_in_the_request_get_the_same_answer(s3: "S3Client", recording: bytes) -> None:
    s3.put_object(Bucket=BUCKET, Key="piano.webm", Body=recording)
    stored = service.invoke({"audio": {"s3": f"s3://{BUCKET}/piano.webm"}})
    assert stored == service.invoke({"audio": {"base64": base64.b64encode(recording).decode()}})


@pytest.mark.parametrize(
    ("bucket", "code"), [(BUCKET, "recording_not_found"), ("bucket-of-somebody-else", "location_not_allowed")]
)
def test_what_is_not_there_or_not_ours_is_refused(s3: "S3Client", bucket: str, code: str) -> None:
    assert service.invoke({"audio": {"s3": f"s3://{bucket}/piano.webm"}})["error"]["code"] == code


def test_a_configured_bucket_that_does_not_exist_is_not_found(s3: "S3Client", monkeypatch: pytest.MonkeyPatch) -> None:
    service.configure(monkeypatch, PKAI_BUCKETS="bucket-to-come")
    assert service.invoke({"audio": {"s3": "s3://bucket-to-come/one"}})["error"]["code"] == "recording_not_found"


def test_an_object_over_the_limit_is_refused(s3: "S3Client") -> None:
    s3.put_object(Bucket=BUCKET, Key="large.wav", Body=bytes(MAX_OBJECT_BYTES + 1))
    error = service.invoke({"audio": {"s3": f"s3://{BUCKET}/large.wav"}})["error"]
    assert error["code"] == "recording_too_large"
    assert error["message"] == "the object has over 50 MB; send a smaller or compressed file"


def test_an_object_without_bytes_is_told_as_such(s3: "S3Client") -> None:
    s3.put_object(Bucket=BUCKET, Key="empty.wav", Body=b"")
    assert service.invoke({"audio": {"s3": f"s3://{BUCKET}/empty.wav"}})["error"]["code"] == "empty_recording"


def test_trouble_of_the_storage_is_raised(s3: "S3Client", monkeypatch: pytest.MonkeyPatch) -> None:
    service.configure(monkeypatch, AWS_ENDPOINT_URL_S3="http://127.0.0.1:9", AWS_MAX_ATTEMPTS="1")
    with pytest.raises(StorageError, match="try again"):
        service.invoke({"audio": {"s3": f"s3://{BUCKET}/piano.webm"}})
