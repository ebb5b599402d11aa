"""How an upload, its assessment and the objects that hold them are named."""

import hashlib
import json
import re
import uuid
from datetime import UTC, datetime, timedelta

from pkai import contract
from pkai.contract import Options
from pkai.errors import RequestError
from pkai.store import Place

UPLOADS_PREFIX = "uploads/"
RESULTS_PREFIX = "results/"
FORM_EXPIRES_IN_S = 3600
# An event is handed to the function for 3 hours at most (template.yaml), and the last try takes its own time.
ASSESSED_WITHIN = timedelta(hours=4)
ID_PATTERN = "^[0-9a-f]{32}$"
_OPTIONS_NOTE = "options"
# S3 takes 2 kB of notes in all.
_MAX_OPTIONS_BYTES = 1800


def new_id() -> str:
    """An id that nobody can guess."""
    return uuid.uuid4().hex


def is_id(text: str) -> bool:
    """Whether a text has the form of an id."""
    return re.fullmatch(ID_PATTERN, text) is not None


def upload_key(assessment_id: str) -> str:
    """Where the recording is uploaded to."""
    return UPLOADS_PREFIX + assessment_id


def assessment_id(place: Place, *, uploads_bucket: str | None) -> str:
    """The id under which the assessment of an object is found: its own, or one that follows from where it is."""
    name = place.key.removeprefix(UPLOADS_PREFIX)
    if place.bucket == uploads_bucket and place.key.startswith(UPLOADS_PREFIX) and is_id(name):
        return name
    return _digest(f"{place.bucket}/{place.key}")[:32]


def results_prefix(assessment_id: str) -> str:
    """What the keys of all assessments of an object begin with, one assessment for each of its versions."""
    return f"{RESULTS_PREFIX}{assessment_id}/"


def result_key(assessment_id: str, place: Place) -> str:
    """Where the assessment of one version of an object is: the same for every event that tells of this version."""
    version = place.version_id or place.etag
    if not version:
        raise ValueError("a place needs a version or an etag to have a result")
    return f"{results_prefix(assessment_id)}{_digest(version)[:16]}.json"


def is_given_up(upload: Place) -> bool:
    """Whether an upload has waited for longer than anybody tries to assess it."""
    return upload.written_at is not None and datetime.now(UTC) - upload.written_at > ASSESSED_WITHIN


def notes_of(options: Options) -> dict[str, str]:
    """Options as notes beside an uploaded object, in ASCII as S3 wants them.

    Raises
    ------
    RequestError
        If they are longer than S3 takes.
    """
    asked = {name: getattr(options, name) for name in Options.model_fields if getattr(options, name) is not None}
    if not asked:
        return {}
    text = json.dumps(asked)
    if len(text) > _MAX_OPTIONS_BYTES:
        raise RequestError(f"piece, references and model have over {_MAX_OPTIONS_BYTES} bytes; name fewer references")
    return {_OPTIONS_NOTE: text}


def options_in(notes: dict[str, str]) -> Options:
    """Options from the notes beside an object.

    Raises
    ------
    RequestError
        If somebody else wrote something else there.
    """
    text = notes.get(_OPTIONS_NOTE)
    if text is None:
        return Options()
    example = 'the note "options" beside an upload is {"piece": …, "references": […], "model": …}'
    return contract.parse_as(Options, contract.parse_json(text.encode(), example), example)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
