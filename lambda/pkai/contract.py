"""What is sent and what is answered: requests, answers and errors as plain JSON values."""

import binascii
import json
from base64 import b64decode
from collections.abc import Hashable
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails

from pkai.assessment import Assessment, ModelIdentity, PairAssessment, ReferenceIdentity
from pkai.errors import (
    AudioSourceError,
    InvalidBase64,
    InvalidJson,
    ModelContractError,
    PkaiError,
    RequestError,
    RequestTooLarge,
)

# Lambda's own limit for a request; what is longer never reaches the handler on AWS.
MAX_BODY_BYTES = 6 * 1024 * 1024
MAX_S3_KEY_BYTES = 1024
EXAMPLE = 'send {"audio": {"base64": "…"}} or {"audio": {"s3": "s3://bucket/key"}}'
UPLOAD_EXAMPLE = 'send {"content_type": "audio/mpeg"}'
PAIR_EXAMPLE = 'send {"first": {"base64": "…"}, "second": {"s3": "s3://bucket/key"}}'
# What browsers, phones and curl call the formats that can be decoded.
AUDIO_TYPES = (
    "audio/mpeg", "audio/mp3", "audio/mp4", "audio/m4a", "audio/x-m4a", "audio/aac", "audio/aacp", "audio/ogg",
    "audio/opus", "audio/webm", "audio/flac", "audio/x-flac", "audio/wav", "audio/wave", "audio/x-wav",
    "audio/vnd.wave", "audio/aiff", "audio/x-aiff", "audio/amr", "audio/3gpp", "audio/3gpp2", "audio/x-caf",
    "audio/x-matroska", "application/ogg", "video/mp4", "video/quicktime", "video/webm", "video/3gpp", "video/3gpp2",
    "video/x-matroska",
)  # fmt: skip
# Named in one request; each makes the answer longer.
MAX_REFERENCES = 100
# As the body itself also without saying which.
RAW_TYPES = (*AUDIO_TYPES, "application/octet-stream")
_SOURCES = ("audio", "first", "second")
_N_PROBLEMS_TOLD = 3
_Model = TypeVar("_Model", bound=BaseModel)


def _s3_uri(text: str) -> str:
    bucket, _, key = text.removeprefix("s3://").partition("/")
    if not text.startswith("s3://") or not bucket or not 0 < len(key.encode()) <= MAX_S3_KEY_BYTES:
        raise ValueError(f"must be s3://bucket/key with a key of 1 to {MAX_S3_KEY_BYTES} bytes")
    return text


def _audio_type(text: str) -> str:
    if text not in AUDIO_TYPES:
        raise ValueError(f"must be one of {', '.join(AUDIO_TYPES)}")
    return text


Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
S3Uri = Annotated[
    str,
    AfterValidator(_s3_uri),
    WithJsonSchema({"type": "string", "pattern": "^s3://[^/]+/.+$", "examples": ["s3://bucket/folder/me.mp3"]}),
]
AudioType = Annotated[
    str,
    AfterValidator(_audio_type),
    WithJsonSchema({"type": "string", "enum": [*AUDIO_TYPES], "title": "Content Type"}),
]
AssessmentId = Annotated[str, WithJsonSchema({"type": "string", "pattern": "^[0-9a-f]{32}$"})]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class InlineAudio(_Request):
    """The recording is in the request itself."""

    base64: str


class StoredAudio(_Request):
    """The recording is an object in S3."""

    s3: S3Uri


def _only_source(audio: object) -> str | None:
    named = [source for source in ("base64", "s3") if isinstance(audio, dict) and source in audio]
    return named[0] if len(named) == 1 else None


Audio = Annotated[
    Annotated[InlineAudio, Tag("base64")] | Annotated[StoredAudio, Tag("s3")],
    Discriminator(
        _only_source,
        custom_error_type="one_source",
        custom_error_message="needs exactly one of base64 and s3",
    ),
]


class Options(_Request):
    """What to compare a recording with, and the model to ask."""

    piece: Name | None = None
    references: Annotated[list[Name], Field(max_length=MAX_REFERENCES)] | None = None
    model: Name | None = None


# The fields of a later base come first: what is asked about before how.
class _Recording(_Request):
    audio: Audio


class _Recordings(_Request):
    first: Audio
    second: Audio


class _Upload(_Request):
    content_type: AudioType


class AssessmentRequest(Options, _Recording):
    """A recording to assess, what to compare it with, and the model to ask."""


class ComparisonRequest(Options, _Recordings):
    """Two recordings, of which one may be played better; the options hold for both."""


class UploadRequest(Options, _Upload):
    """The kind of file that is to be uploaded, and what to compare it with once it is there."""


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)


class Problem(BaseModel):
    """What went wrong: a stable code, a sentence for people, and the request to quote."""

    code: str
    message: str
    request_id: str


class UploadAnswer(_Answer):
    """A form to be posted with the file as its last field, and where its assessment will be."""

    id: AssessmentId
    url: str
    fields: dict[str, str]
    max_bytes: int
    expires_in_s: int
    assessment: Annotated[str, Field(description="path of the assessment, to be asked for once the upload is done")]


class Pending(_Answer):
    """The upload is there and its assessment is not; ask again."""

    id: AssessmentId
    status: Literal["pending"] = "pending"


class Done(_Answer):
    """The upload was assessed."""

    id: AssessmentId
    status: Literal["done"] = "done"
    assessment: Assessment


class Failed(_Answer):
    """The upload cannot be assessed, for a reason that its sender can mend."""

    id: AssessmentId
    status: Literal["failed"] = "failed"
    error: Problem


Finished = Annotated[Done | Failed, Field(discriminator="status")]


class ReferencesAnswer(_Answer):
    """The reference performances, with their ratings by the model that was asked for."""

    references: tuple[ReferenceIdentity, ...]
    unscored: Annotated[
        tuple[str, ...],
        Field(description="names of those that the model has not scored: nothing is compared with them"),
    ]


class HealthAnswer(_Answer):
    """The service can judge."""

    status: Literal["ok"] = "ok"
    version: str
    model: ModelIdentity


class ErrorAnswer(BaseModel):
    """The body of every answer that is no assessment."""

    error: Problem


def parse(event: object) -> AssessmentRequest:
    """Read a request for an assessment.

    Parameters
    ----------
    event : JSON value, of any shape

    Raises
    ------
    RequestError
        With every field that is wrong and what to send.
    """
    return parse_as(AssessmentRequest, event, EXAMPLE)


def parse_as(model: type[_Model], value: object, example: str) -> _Model:
    """Read a request of any kind.

    Raises
    ------
    AudioSourceError
        If nothing is wrong but a recording that is named in no way or in two.
    RequestError
        With every field that is wrong and what to send.
    """
    if not isinstance(value, dict):
        raise RequestError(f"the request is not a JSON object; {example}")
    try:
        return model.model_validate(value)
    except ValidationError as err:
        problems = err.errors(include_url=False, include_input=False)[:_N_PROBLEMS_TOLD]
        message = "; ".join([*(_told(problem, model) for problem in problems), example])
        only_source = all(problem["type"] == "one_source" for problem in problems)
        raise (AudioSourceError if only_source else RequestError)(message) from err


def parse_json(body: bytes, example: str) -> object:
    """Read the body of a request.

    Raises
    ------
    InvalidJson
        If it is no JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as err:
        raise InvalidJson(f"the body is not JSON; {example}") from err


def audio_bytes(base64: str) -> bytes:
    """Decode the recording that a request carries; white space is passed over.

    Raises
    ------
    RequestTooLarge
        If the text is longer than the body of a request may be.
    InvalidBase64
        If the text is not base64.
    """
    if len(base64) > MAX_BODY_BYTES:
        limit_mb = MAX_BODY_BYTES // 1024**2
        raise RequestTooLarge(f"the base64 has over {limit_mb} MB; send larger recordings by way of S3, as s3")
    try:
        return b64decode("".join(base64.split()), validate=True)
    except (binascii.Error, ValueError) as err:
        raise InvalidBase64(
            "the recording is not base64; send the bytes of the file in the standard alphabet, with padding"
        ) from err


def answer(value: Assessment | PairAssessment | _Answer) -> dict[str, Any]:
    """Turn an answer into plain JSON values.

    Raises
    ------
    ModelContractError
        If it holds a number that JSON cannot: NaN or an infinity.
    """
    plain: dict[str, Any] = _adapter(cast(Hashable, type(value))).dump_python(value, mode="json")
    try:
        json.dumps(plain, allow_nan=False)
    except ValueError as err:
        raise ModelContractError("the model gave a value that is no finite number; put another model in place") from err
    return plain


def error_answer(error: PkaiError, request_id: str) -> dict[str, Any]:
    """Tell an error to the one who asked."""
    return ErrorAnswer(error=problem(error, request_id)).model_dump(mode="json")


def problem(error: PkaiError, request_id: str) -> Problem:
    """What went wrong, as it is told to the one who asked."""
    return Problem(code=error.code, message=str(error), request_id=request_id)


@lru_cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(type[Any], kind))


def _told(problem: ErrorDetails, model: type[BaseModel]) -> str:
    path = _path(problem["loc"])
    match problem["type"]:
        case "missing":
            return f"{path} is missing"
        case "extra_forbidden":
            known = "base64 or s3" if len(problem["loc"]) > 1 else ", ".join(model.model_fields)
            return f"{path} is not known, the fields are {known}"
        case "value_error":
            return f"{path} {problem['ctx']['error']}"
        case "one_source":
            return f"{path} {problem['msg']}"
        case _:
            return f"{path}: {problem['msg']}"


def _path(loc: tuple[int | str, ...]) -> str:
    if not loc:  # a name that is no valid text, which pydantic does not tell
        return "the name of a field"
    if loc[0] in _SOURCES:
        loc = loc[:1] + loc[2:]  # the second part only tells which source was read
    # Names that the caller made up are told in ASCII and in part: they may be endless, or no valid text at all.
    return ".".join(ascii(part)[1:-1][:60] if isinstance(part, str) else str(part) for part in loc)
