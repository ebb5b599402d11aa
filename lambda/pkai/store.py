"""Where recordings come from and answers go: what S3, or a folder that stands in for it, must be able to do."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Protocol

MAX_OBJECT_BYTES = 50 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an object is: its bucket and key; its version or content, and when it was written, where that is known."""

    bucket: str
    key: str
    version_id: str | None = None
    etag: str | None = None
    written_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """An object on this machine: a seekable file at its start, and what its uploader noted beside it."""

    file: IO[bytes]
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class UploadForm:
    """What is posted as multipart/form-data, with the file as the last field, to put one object in place."""

    url: str
    fields: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Document:
    """A document as it was found: with no content if it is still what it was, and absent if there is none."""

    content: bytes | None = None
    etag: str | None = None
    absent: bool = False


class Documents(Protocol):
    """Documents that several write to. Every method raises `StorageError` for trouble that may pass."""

    def newer(self, bucket: str, key: str, *, etag: str | None) -> Document:
        """Read a document, unless it still has the etag."""

    def exchange(self, bucket: str, key: str, document: bytes, *, etag: str | None) -> bool:
        """Put a JSON document in place of the one that has the etag, or where there is none; whether this call did."""


class Store(Protocol):
    """Objects under keys in buckets. Every method raises `StorageError` for trouble that may pass."""

    def fetched(self, place: Place) -> AbstractContextManager[Fetched]:
        """Fetch an object into a temporary file that is gone when the block is left, however it is left.

        Raises
        ------
        RecordingNotFound
            If there is no such object, or it no longer has the etag.
        RecordingTooLarge
            If it has more bytes than are read, by what the store says of it and again by what arrives.
        """

    def current(self, bucket: str, key: str) -> Place | None:
        """The object that is under a key now; None if there is none."""

    def put_once(self, bucket: str, key: str, document: bytes) -> bool:
        """Write a JSON document if there is none yet under the key; whether this call wrote it."""

    def read(self, bucket: str, key: str) -> bytes | None:
        """A document; None if there is none."""

    def newest(self, bucket: str, prefix: str) -> str | None:
        """Key of the document that was written last under a prefix; None if there is none."""

    def upload_form(self, place: Place, *, content_type: str, notes: dict[str, str], expires_in_s: int) -> UploadForm:
        """Sign a form that takes one file of that type, of 1 to `MAX_OBJECT_BYTES` bytes, to that very key."""
