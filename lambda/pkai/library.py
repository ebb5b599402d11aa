"""Where the references are kept: a file of the model folder, or an object in S3 that is changed without a deploy.

Both are replaced as a whole, and only if nobody else replaced them since they were read: of two who add at the same
time, the second reads what the first wrote and tries again.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from pkai import references
from pkai.durable import alone, replace_bytes
from pkai.errors import ModelContractError, RequestError, StorageError
from pkai.references import Reference
from pkai.settings import Settings
from pkai.storage import S3
from pkai.store import Documents

# How long what was read from S3 is taken for granted: one more request to S3 a minute, and not one for each answer.
TRUSTED_FOR_S = 60.0
_LONG_AGO = float("-inf")
_ATTEMPTS = 12
_PAUSE_S = 0.05
_log = logging.getLogger(__name__)


class Library(Protocol):
    """The references of one installation; safe to share between threads."""

    def references(self) -> tuple[Reference, ...]:
        """All of them, as they are now or were a moment ago.

        Raises
        ------
        ModelContractError
            If there is no list of references.
        StorageError
            If it cannot be read at the moment.
        """

    def add(self, reference: Reference, *, replace: bool = False) -> tuple[Reference, ...]:
        """Put one more into the list, whoever else does so meanwhile; returns the new list.

        Raises
        ------
        RequestError
            If the name is taken, and not to be replaced; if the place cannot be written to.
        """


class FileLibrary:
    """References in a file; read again only when the file has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: tuple[tuple[int, int, int], tuple[Reference, ...]] | None = None

    def references(self) -> tuple[Reference, ...]:
        """Read the file, unless it is as it was; see `Library.references`."""
        try:
            stat = self._path.stat()
            state = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            if self._known is None or self._known[0] != state:
                self._known = (state, references.parse(self._path.read_bytes(), where=self._path.name))
        except OSError as err:
            raise ModelContractError(
                f"there is no list of references at {self._path} ({err.strerror}); PKAI_REFERENCES names another place"
            ) from err
        return self._known[1]

    def add(self, reference: Reference, *, replace: bool = False) -> tuple[Reference, ...]:
        """Replace the file at once and as a whole, one writer after the other; see `Library.add`."""
        try:
            with alone(self._path):
                known = self.references() if self._path.is_file() else ()
                changed = references.joined(known, reference, replace=replace)
                replace_bytes(self._path, references.document(changed))
        except OSError as err:
            raise RequestError(f"{self._path} cannot be written ({err.strerror}); choose another with --to") from err
        return changed


class ObjectLibrary:
    """References in an object of S3.

    Parameters
    ----------
    documents : S3
    bucket, key : of the object
    beginning : references that are taken, and that a list begins with, where there is none yet
    clock : seconds
    """

    def __init__(
        self,
        documents: Documents,
        bucket: str,
        key: str,
        *,
        beginning: Library | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._documents = documents
        self._bucket, self._key = bucket, key
        self._beginning = beginning
        self._clock = clock
        self._lock = threading.Lock()
        self._known: tuple[Reference, ...] | None = None
        self._etag: str | None = None
        self._checked_at = _LONG_AGO

    def references(self) -> tuple[Reference, ...]:
        """Ask S3 whether the object is still what it was, if it was not asked just now; see `Library.references`.

        While S3 cannot be reached or the object is damaged, what was read before is still good, and the log says so.
        """
        with self._lock:
            if self._known is not None and self._clock() - self._checked_at < TRUSTED_FOR_S:
                return self._known
            try:
                self._read_newer()
            except (StorageError, ModelContractError) as err:
                if self._known is None:
                    raise
                _log.warning("references could not be read again, those of before are used: %s", err)
                self._checked_at = self._clock()
            if self._known is None:
                raise ModelContractError(
                    f"{self._place} holds no references; `pkai references add --to {self._place}` writes them"
                )
            return self._known

    def add(self, reference: Reference, *, replace: bool = False) -> tuple[Reference, ...]:
        """Replace the object by a conditional put; see `Library.add`.

        Raises
        ------
        StorageError
            If others were faster each time.
        """
        for attempt in range(_ATTEMPTS):
            with self._lock:
                self._read_newer()
                known, etag = self._known, self._etag
            changed = references.joined(known or (), reference, replace=replace)
            if etag and changed == known:
                return known  # the put of a try that seemed to fail
            if self._documents.exchange(self._bucket, self._key, references.document(changed), etag=etag):
                self._checked_at = _LONG_AGO
                return changed
            time.sleep(random.uniform(0, _PAUSE_S * 2 ** min(attempt, 5)))  # noqa: S311  # only spreads who tries when
        raise StorageError(f"{self._place} was changed by others {_ATTEMPTS} times in a row; try again")

    @property
    def _place(self) -> str:
        return f"s3://{self._bucket}/{self._key}"

    def _read_newer(self) -> None:
        found = self._documents.newer(self._bucket, self._key, etag=self._etag)
        self._checked_at = self._clock()
        if found.absent:
            self._known = self._beginning.references() if self._beginning else None
            self._etag = None
        elif found.content is not None:
            self._known = references.parse(found.content, where=self._place)
            self._etag = found.etag


@lru_cache(maxsize=8)
def of(settings: Settings) -> Library:
    """The library of an installation, the same object for the same settings."""
    own = FileLibrary(settings.model_root / "references" / references.FILE_NAME)
    return at(settings.references, beginning=own) if settings.references else own


def at(place: str, *, beginning: Library | None = None) -> Library:
    """The library at `s3://bucket/key`, or in a file.

    Parameters
    ----------
    place : where it is
    beginning : references that a list in S3 begins with where there is none yet
    """
    if not place.startswith("s3://"):
        return FileLibrary(Path(place))
    bucket, _, key = place.removeprefix("s3://").partition("/")
    return ObjectLibrary(S3(), bucket, key, beginning=beginning)
