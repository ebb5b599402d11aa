"""A folder on this machine as the store: `pkai serve` keeps recordings and answers there, and needs no AWS."""

import base64
import hashlib
import hmac
import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pkai.errors import RecordingNotFound, RecordingTooLarge, RequestError
from pkai.store import MAX_OBJECT_BYTES, Fetched, Place, UploadForm

# File systems take names of 255 bytes; what is longer is named by its digest.
_MAX_NAME_BYTES = 200


class Folder:
    """Objects as files, each with its notes beside it.

    Parameters
    ----------
    root : of the files; made if it is not there
    upload_url : where `receive` is fed from; a path alone is at whatever name the service is reached by
    """

    def __init__(self, root: Path, *, upload_url: str) -> None:
        self._root = root
        self._upload_url = upload_url
        self._secret = secrets.token_bytes(32)

    @contextmanager
    def fetched(self, place: Place) -> Iterator[Fetched]:
        """Open an object; see `Store.fetched`."""
        path = self._path(place.bucket, place.key)
        if not path.is_file() or place.etag not in (None, _etag(path)):
            raise RecordingNotFound("there is no such object; check the bucket and the key")
        if path.stat().st_size > MAX_OBJECT_BYTES:
            raise RecordingTooLarge(f"the object has over {MAX_OBJECT_BYTES // 1024**2} MB; send a smaller file")
        notes = _notes_path(path)
        with path.open("rb") as file:
            yield Fetched(file=file, notes=json.loads(notes.read_bytes()) if notes.is_file() else {})

    def current(self, bucket: str, key: str) -> Place | None:
        """What is under a key now; see `Store.current`."""
        path = self._path(bucket, key)
        if not path.is_file():
            return None
        written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return Place(bucket=bucket, key=key, etag=_etag(path), written_at=written_at)

    def put_once(self, bucket: str, key: str, document: bytes) -> bool:
        """Write a file unless it is there; see `Store.put_once`."""
        path = self._path(bucket, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".") as whole:
            whole.write(document)
            whole.flush()
            try:
                os.link(whole.name, path)  # there at once and as a whole, or not at all
            except FileExistsError:
                return False
        return True

    def read(self, bucket: str, key: str) -> bytes | None:
        """Read a file; see `Store.read`."""
        path = self._path(bucket, key)
        return path.read_bytes() if path.is_file() else None

    def newest(self, bucket: str, prefix: str) -> str | None:
        """Find the latest file; see `Store.newest`. The prefix must end in a slash."""
        folder = self._path(bucket, prefix + "-").parent
        files = [path for path in folder.glob("*.json") if not path.name.startswith(".")]
        return prefix + max(files, key=lambda path: path.stat().st_mtime_ns).name if files else None

    def keys(self, bucket: str, prefix: str) -> list[str]:
        """Keys of all objects under a prefix that ends in a slash."""
        folder = self._path(bucket, prefix + "-").parent
        return sorted(prefix + path.name for path in folder.glob("*") if path.is_file() and "." not in path.name)

    def upload_form(self, place: Place, *, content_type: str, notes: dict[str, str], expires_in_s: int) -> UploadForm:
        """Sign a form; see `Store.upload_form`."""
        policy = {
            "bucket": place.bucket,
            "key": place.key,
            "content_type": content_type,
            "notes": notes,
            "expires": time.time() + expires_in_s,
        }
        text = base64.b64encode(json.dumps(policy).encode()).decode()
        fields = {"key": place.key, "Content-Type": content_type, "policy": text, "signature": self._signature(text)}
        return UploadForm(url=self._upload_url, fields=fields)

    def receive(self, fields: dict[str, str], file: bytes) -> Place:
        """Put a posted file in place, if the form was signed here and says what was signed.

        Raises
        ------
        RequestError
            If the form is not ours, has expired, was changed, or was used before.
        RecordingTooLarge
            If the file has more bytes than are taken.
        """
        policy = self._policy(fields)
        if time.time() > policy["expires"]:
            raise RequestError("the form has expired; POST /v1/uploads gives another")
        if fields.get("key") != policy["key"] or fields.get("Content-Type") != policy["content_type"]:
            raise RequestError("key or Content-Type is not as it was signed; send the fields as they were given")
        if not file:
            raise RequestError("the file has no bytes; send it as the last field, named file")
        if len(file) > MAX_OBJECT_BYTES:
            raise RecordingTooLarge(f"the file has over {MAX_OBJECT_BYTES // 1024**2} MB; send a smaller file")
        bucket, key = policy["bucket"], policy["key"]
        if policy["notes"] and self.current(bucket, key) is None:
            notes = _notes_path(self._path(bucket, key))
            notes.parent.mkdir(parents=True, exist_ok=True)
            notes.write_text(json.dumps(policy["notes"]))
        if not self.put_once(bucket, key, file):
            raise RequestError("the form was used before; POST /v1/uploads gives another")
        place = self.current(bucket, key)
        assert place is not None  # noqa: S101  # it was written a moment ago, and nothing here deletes
        return place

    def _policy(self, fields: dict[str, str]) -> dict[str, Any]:
        text = fields.get("policy", "")
        if not hmac.compare_digest(self._signature(text).encode(), fields.get("signature", "").encode()):
            raise RequestError("the form was not signed here; POST /v1/uploads gives one")
        policy: dict[str, Any] = json.loads(base64.b64decode(text))
        return policy

    def _signature(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()

    def _path(self, bucket: str, key: str) -> Path:
        """Folders of a key are folders here; no part of it can leave the root."""
        return self._root.joinpath(_name(bucket), *map(_name, key.split("/")))


def _name(part: str) -> str:
    name = quote(part, safe=" +", errors="surrogatepass")
    if name.strip(".") == "" or len(name) > _MAX_NAME_BYTES:  # nothing, this folder, the one above
        return hashlib.sha256(part.encode(errors="surrogatepass")).hexdigest()
    return name


def _notes_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.notes")


def _etag(path: Path) -> str:
    stat = path.stat()
    return f"{stat.st_size:x}-{stat.st_mtime_ns:x}"
