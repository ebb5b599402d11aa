"""S3 as the store: the only module that talks to AWS, and boto3 is imported only when it does."""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, cast

from pkai.errors import RecordingNotFound, RecordingTooLarge, StorageError
from pkai.store import MAX_OBJECT_BYTES, Document, Fetched, Place, UploadForm

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef, PutObjectRequestTypeDef

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 10
# Most recordings of a phone fit; what is larger goes to the temporary disk.
_KEPT_IN_MEMORY_BYTES = 8 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024
_NOT_FOUND_CODES = frozenset({"404", "NoSuchKey", "NoSuchBucket", "NoSuchVersion", "NotFound"})
_REPLACED_CODES = frozenset({"412", "PreconditionFailed"})
_UNCHANGED_CODES = frozenset({"304", "NotModified"})
# A put that must be the first lost against one that came before it, or that runs at this moment.
_NOT_FIRST_CODES = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})


class S3:
    """The store on AWS. Throttling and 5xx are tried again by botocore, with growing, jittered pauses."""

    def __init__(self, *, max_bytes: int = MAX_OBJECT_BYTES) -> None:
        self._max_bytes = max_bytes

    @contextmanager
    def fetched(self, place: Place) -> Iterator[Fetched]:
        """Download an object; see `Store.fetched`."""
        with SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY_BYTES) as spooled:
            file = cast(IO[bytes], spooled)
            notes = self._download(place, file)
            file.seek(0)
            yield Fetched(file=file, notes=notes)

    def current(self, bucket: str, key: str) -> Place | None:
        """What is under a key now; see `Store.current`."""
        try:
            with _asking() as client:
                head = client.head_object(Bucket=bucket, Key=key)
        except RecordingNotFound:
            return None
        return Place(
            bucket=bucket,
            key=key,
            version_id=head.get("VersionId"),
            etag=head["ETag"].strip('"'),
            written_at=head["LastModified"],
        )

    def put_once(self, bucket: str, key: str, document: bytes) -> bool:
        """Write by a conditional put; see `Store.put_once`."""
        from botocore.exceptions import ClientError

        with _asking() as client:
            try:
                client.put_object(
                    Bucket=bucket, Key=key, Body=document, ContentType="application/json", IfNoneMatch="*"
                )
            except ClientError as err:
                if _code(err) in _NOT_FIRST_CODES and self.current(bucket, key):
                    return False
                raise StorageError(f"S3 answered {_code(err)}; try again") from err
        return True

    def read(self, bucket: str, key: str) -> bytes | None:
        """Read a document; see `Store.read`."""
        try:
            with _asking() as client, closing(client.get_object(Bucket=bucket, Key=key)["Body"]) as body:
                return body.read()
        except RecordingNotFound:
            return None

    def newer(self, bucket: str, key: str, *, etag: str | None) -> Document:
        """Read a document by a conditional get; see `Documents.newer`."""
        from botocore.exceptions import ClientError

        asked: GetObjectRequestTypeDef = {"Bucket": bucket, "Key": key}
        if etag:
            asked["IfNoneMatch"] = etag
        try:
            with _asking() as client:
                try:
                    found = client.get_object(**asked)
                except ClientError as err:
                    if _code(err) in _UNCHANGED_CODES:
                        return Document(etag=etag)
                    raise
                with closing(found["Body"]) as body:
                    return Document(content=body.read(), etag=found["ETag"])
        except RecordingNotFound:
            return Document(absent=True)

    def exchange(self, bucket: str, key: str, document: bytes, *, etag: str | None) -> bool:
        """Replace a document by a conditional put; see `Documents.exchange`."""
        from botocore.exceptions import ClientError

        asked: PutObjectRequestTypeDef = {
            "Bucket": bucket,
            "Key": key,
            "Body": document,
            "ContentType": "application/json",
        }
        if etag:
            asked["IfMatch"] = etag
        else:
            asked["IfNoneMatch"] = "*"
        with _asking() as client:
            try:
                client.put_object(**asked)
            except ClientError as err:
                if _code(err) in _NOT_FIRST_CODES or (etag and _code(err) in _NOT_FOUND_CODES):
                    return False
                raise
        return True

    def newest(self, bucket: str, prefix: str) -> str | None:
        """Find the latest document; see `Store.newest`."""
        with _asking() as client:
            listed = client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return max(listed, key=lambda entry: entry["LastModified"])["Key"] if listed else None

    def upload_form(self, place: Place, *, content_type: str, notes: dict[str, str], expires_in_s: int) -> UploadForm:
        """Presign a POST; see `Store.upload_form`."""
        fields = {"Content-Type": content_type, **{f"x-amz-meta-{name}": note for name, note in notes.items()}}
        with _asking() as client:
            form = client.generate_presigned_post(
                place.bucket,
                place.key,  # botocore makes it a condition: this key and no other
                Fields=dict(fields),
                Conditions=[
                    *({name: value} for name, value in fields.items()),
                    ["content-length-range", 1, MAX_OBJECT_BYTES],
                ],
                ExpiresIn=expires_in_s,
            )
        return UploadForm(url=form["url"], fields=form["fields"])

    def _download(self, place: Place, file: IO[bytes]) -> dict[str, str]:
        which: dict[str, str] = {}
        if place.version_id:
            which["VersionId"] = place.version_id
        elif place.etag:
            which["IfMatch"] = place.etag
        with _asking() as client:
            response = client.get_object(Bucket=place.bucket, Key=place.key, **which)  # type: ignore[arg-type]
            with closing(response["Body"]) as body:
                self._refuse_too_large(response.get("ContentLength", 0))
                self._copy(body.iter_chunks(_CHUNK_BYTES), file)
        return dict(response.get("Metadata", {}))

    def _copy(self, chunks: Iterable[bytes], file: IO[bytes]) -> None:
        n_bytes = 0
        for chunk in chunks:
            n_bytes += len(chunk)
            self._refuse_too_large(n_bytes)
            file.write(chunk)

    def _refuse_too_large(self, n_bytes: int) -> None:
        if n_bytes > self._max_bytes:
            limit_mb = self._max_bytes / 1024**2
            raise RecordingTooLarge(f"the object has over {limit_mb:g} MB; send a smaller or compressed file")


@contextmanager
def _asking() -> Iterator["S3Client"]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield _client()
    except ClientError as err:
        raise _refusal(err) from err
    except BotoCoreError as err:
        raise StorageError(f"S3 could not be read ({type(err).__name__}); try again") from err


def _refusal(err: "ClientError") -> RecordingNotFound | StorageError:
    code = _code(err)
    if code in _NOT_FOUND_CODES:
        return RecordingNotFound("there is no such object; check the bucket and the key, and that the upload is done")
    if code in _REPLACED_CODES:
        return RecordingNotFound("the object was replaced before it was read; ask for the one that is there now")
    if code in ("403", "AccessDenied"):
        return StorageError(
            "S3 denies access; who asks needs s3:GetObject and s3:ListBucket on the bucket, and to write s3:PutObject"
        )
    return StorageError(f"S3 answered {code}; try again")


def _code(err: "ClientError") -> str:
    return err.response.get("Error", {}).get("Code", "unknown")


@lru_cache(maxsize=1)
def _client() -> "S3Client":
    from boto3.session import Session
    from botocore.config import Config

    # A session of its own: boto3's default one must not be used by two threads at once.
    # With both options of S3 a presigned form names the bucket's own region, which the page may post to, everywhere.
    config = Config(
        retries={"mode": "standard"},
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        signature_version="s3v4",
        s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
        max_pool_connections=32,
    )
    return Session().client("s3", config=config)
