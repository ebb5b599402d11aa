"""What is sent and what is answered: the request, the assessment and the error as plain JSON values."""

import binascii
import json
from base64 import b64decode
from functools import lru_cache
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    StringConstraints,
    Tag,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import ErrorDetails

from pkai.assessment import Assessment
from pkai.errors import ModelContractError, PkaiError, RequestError, RequestTooLarge

# Lambda's own limit for a request; what is longer never reaches the handler on AWS.
MAX_BODY_BYTES = 6 * 1024 * 1024
MAX_S3_KEY_BYTES = 1024
EXAMPLE = 'send {"audio": {"base64": "…"}} or {"audio": {"s3": "s3://bucket/key"}}'
_N_PROBLEMS_TOLD = 3


def _s3_uri(text: str) -> str:
    bucket, _, key = text.removeprefix("s3://").partition("/")
    if not text.startswith("s3://") or not bucket or not 0 < len(key.encode()) <= MAX_S3_KEY_BYTES:
        raise ValueError(f"must be s3://bucket/key with a key of 1 to {MAX_S3_KEY_BYTES} bytes")
    return text


Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
S3Uri = Annotated[str, AfterValidator(_s3_uri)]


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


class AssessmentRequest(_Request):
    """A recording to assess, what to compare it with, and the model to ask."""

    audio: Audio
    piece: Name | None = None
    references: list[Name] | None = None
    model: Name | None = None


class Problem(BaseModel):
    """What went wrong: a stable code, a sentence for people, and the request to quote."""

    code: str
    message: str
    request_id: str


class ErrorAnswer(BaseModel):
    """The body of every answer that is no assessment."""

    error: Problem


def parse(event: object) -> AssessmentRequest:
    """Read a request.

    Parameters
    ----------
    event : JSON value, of any shape

    Raises
    ------
    RequestError
        With every field that is wrong and what to send.
    """
    if not isinstance(event, dict):
        raise RequestError(f"the request is not a JSON object; {EXAMPLE}")
    try:
        return AssessmentRequest.model_validate(event)
    except ValidationError as err:
        problems = err.errors(include_url=False, include_input=False)[:_N_PROBLEMS_TOLD]
        raise RequestError("; ".join([*map(_told, problems), EXAMPLE])) from err


def audio_bytes(base64: str) -> bytes:
    """Decode the recording that a request carries; white space is passed over.

    Raises
    ------
    RequestTooLarge
        If the text is longer than the body of a request may be.
    RequestError
        If the text is not base64.
    """
    if len(base64) > MAX_BODY_BYTES:
        limit_mb = MAX_BODY_BYTES // 1024**2
        raise RequestTooLarge(f"audio.base64 has over {limit_mb} MB; send larger recordings by way of S3: audio.s3")
    try:
        return b64decode("".join(base64.split()), validate=True)
    except (binascii.Error, ValueError) as err:
        raise RequestError(
            "audio.base64 is not base64; send the bytes of the file in the standard alphabet, with padding"
        ) from err


def answer(assessment: Assessment) -> dict[str, Any]:
    """Turn an assessment into plain JSON values.

    Raises
    ------
    ModelContractError
        If it holds a number that JSON cannot: NaN or an infinity.
    """
    plain: dict[str, Any] = _assessment_adapter().dump_python(assessment, mode="json")
    try:
        json.dumps(plain, allow_nan=False)
    except ValueError as err:
        raise ModelContractError("the model gave a value that is no finite number; put another model in place") from err
    return plain


def error_answer(error: PkaiError, request_id: str) -> dict[str, Any]:
    """Tell an error to the one who asked."""
    problem = Problem(code=error.code, message=str(error), request_id=request_id)
    return ErrorAnswer(error=problem).model_dump(mode="json")


@lru_cache(maxsize=1)
def _assessment_adapter() -> TypeAdapter[Assessment]:
    return TypeAdapter(Assessment)


def _told(problem: ErrorDetails) -> str:
    path = _path(problem["loc"])
    match problem["type"]:
        case "missing":
            return f"{path} is missing"
        case "extra_forbidden":
            known = "base64 or s3" if path.startswith("audio.") else ", ".join(AssessmentRequest.model_fields)
            return f"{path} is not known, the fields are {known}"
        case "value_error":
            return f"{path} {problem['ctx']['error']}"
        case "one_source":
            return f"{path} {problem['msg']}"
        case _:
            return f"{path}: {problem['msg']}"


def _path(loc: tuple[int | str, ...]) -> str:
    if loc[0] == "audio":
        loc = loc[:1] + loc[2:]  # the second part only tells which source was read
    # Names that the caller made up are told in ASCII and in part: they may be endless, or no valid text at all.
    return ".".join(ascii(part)[1:-1][:60] if isinstance(part, str) else str(part) for part in loc)
