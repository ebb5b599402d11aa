"""Recordings in S3: the only module that talks to AWS, and boto3 is imported only when it does."""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, cast

from pkai.errors import LocationNotAllowed, RecordingNotFound, RecordingTooLarge, StorageError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_s3 import S3Client

MAX_OBJECT_BYTES = 50 * 1024 * 1024
CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 10
# Most recordings of a phone fit; what is larger goes to the temporary disk.
_KEPT_IN_MEMORY_BYTES = 8 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024
_NOT_FOUND_CODES = frozenset({"404", "NoSuchKey", "NoSuchBucket", "NotFound"})


@contextmanager
def open_recording(uri: str, *, buckets: tuple[str, ...], max_bytes: int = MAX_OBJECT_BYTES) -> Iterator[IO[bytes]]:
    """Fetch an object into a temporary file that is gone when the block is left, however it is left.

    Parameters
    ----------
    uri : s3://bucket/key
    buckets : that may be read
    max_bytes : refused above it, by what S3 says of the object and again by what arrives

    Yields
    ------
    seekable binary file, at its start

    Raises
    ------
    LocationNotAllowed
        If the bucket is not among `buckets`.
    RecordingNotFound
        If there is no such object.
    RecordingTooLarge
        If the object has more than `max_bytes`.
    StorageError
        If S3 throttles, fails, stays silent or refuses access, after botocore's own retries.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if bucket not in buckets:
        raise LocationNotAllowed("that bucket is none that this service reads; use one of those in PKAI_BUCKETS")
    with SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY_BYTES) as spooled:
        file = cast(IO[bytes], spooled)
        _download(bucket, key, file, max_bytes)
        file.seek(0)
        yield file


def _download(bucket: str, key: str, file: IO[bytes], max_bytes: int) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        response = _client().get_object(Bucket=bucket, Key=key)
        with closing(response["Body"]) as body:
            _refuse_too_large(response.get("ContentLength", 0), max_bytes)
            _copy(body.iter_chunks(_CHUNK_BYTES), file, max_bytes)
    except ClientError as err:
        raise _refusal(err) from err
    except BotoCoreError as err:
        raise StorageError(f"S3 could not be read ({type(err).__name__}); try again") from err


def _copy(chunks: Iterable[bytes], file: IO[bytes], max_bytes: int) -> None:
    n_bytes = 0
    for chunk in chunks:
        n_bytes += len(chunk)
        _refuse_too_large(n_bytes, max_bytes)
        file.write(chunk)


def _refuse_too_large(n_bytes: int, max_bytes: int) -> None:
    if n_bytes > max_bytes:
        raise RecordingTooLarge(f"the object has over {max_bytes / 1024**2:g} MB; send a smaller or compressed file")


def _refusal(err: "ClientError") -> RecordingNotFound | StorageError:
    code = err.response.get("Error", {}).get("Code", "unknown")
    if code in _NOT_FOUND_CODES:
        return RecordingNotFound("there is no such object; check the bucket and the key, and that the upload is done")
    if code in ("403", "AccessDenied"):
        return StorageError("S3 denies access; the function's role needs s3:GetObject and s3:ListBucket on the bucket")
    return StorageError(f"S3 answered {code}; try again")


@lru_cache(maxsize=1)
def _client() -> "S3Client":
    import boto3
    from botocore.config import Config

    config = Config(retries={"mode": "standard"}, connect_timeout=CONNECT_TIMEOUT_S, read_timeout=READ_TIMEOUT_S)
    return boto3.client("s3", config=config)
