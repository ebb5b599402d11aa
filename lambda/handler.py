"""Event in, answer out: what the Lambda runtime calls.

The asker's errors are answered. The model's and the storage's propagate, so that Lambda's Errors metric, retries
and alarms see them.
"""

import io
import sys
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import IO, Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from pkai import contract, storage
from pkai.errors import PkaiError, RequestError
from pkai.scorer import Judge
from pkai.settings import Settings

# Errors from 500 on are not the asker's, and are raised.
STATUS_BY_CODE = {
    "invalid_request": 400,
    "location_not_allowed": 403,
    "recording_not_found": 404,
    "request_too_large": 413,
    "recording_too_large": 413,
    "unsupported_audio": 415,
    "empty_recording": 422,
    "no_audio_stream": 422,
    "truncated_recording": 422,
    "recording_too_short": 422,
    "recording_too_long": 422,
    "silent_recording": 422,
    "recording_error": 422,
    "pkai_error": 500,
    "model_error": 500,
    "model_integrity": 500,
    "model_contract": 500,
    "storage_error": 503,
}

# To stderr, as `pkai invoke` keeps stdout for the answer; Lambda collects both.
logger = Logger(service="pkai", stream=sys.stderr)


@logger.inject_lambda_context(clear_state=True)
def handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Answer a direct event.

    Parameters
    ----------
    event : JSON value; see `pkai.contract.AssessmentRequest`
    context : of the invocation, as the runtime gives it

    Returns
    -------
    an assessment, or `{"error": {"code", "message", "request_id"}}` where the asker can mend it

    Raises
    ------
    ModelError
        If the model cannot be used.
    StorageError
        If S3 failed in a way that a later try may not.
    """
    logger.set_correlation_id(context.aws_request_id)
    try:
        return _assess(event)
    except PkaiError as err:
        status = STATUS_BY_CODE[err.code]
        if status >= 500:
            logger.exception("failed", code=err.code, status=status)
            raise
        logger.info("refused", code=err.code, status=status)
        return contract.error_answer(err, context.aws_request_id)


def _assess(event: object) -> dict[str, Any]:
    request = contract.parse(event)
    judge = _judge_for(request.model)
    names = None if request.references is None else tuple(request.references)
    with _opened(request.audio) as recording:
        assessment = judge.assess(recording, piece=request.piece, reference_names=names)
    logger.info("assessed", duration_s=assessment.recording.duration_s, codec=assessment.recording.codec)
    return contract.answer(assessment)


def _opened(audio: contract.InlineAudio | contract.StoredAudio) -> AbstractContextManager[IO[bytes]]:
    if isinstance(audio, contract.StoredAudio):
        return storage.open_recording(audio.s3, buckets=_settings().buckets)
    return io.BytesIO(contract.audio_bytes(audio.base64))


def _judge_for(name: str | None) -> Judge:
    settings = _settings()
    if name is not None:
        known = sorted(path.parent.name for path in settings.model_root.glob("*/manifest.json"))
        if name not in known:
            raise RequestError(f"unknown model {name!r}; there are: {', '.join(known)}")
    return _loaded(settings, name or settings.model)


@lru_cache(maxsize=1)
def _settings() -> Settings:
    return Settings.from_env()


@lru_cache
def _loaded(settings: Settings, name: str) -> Judge:
    return Judge.load(settings.model_root, name, n_threads=settings.n_threads)


if _settings().in_lambda:
    _judge_for(None)  # in the init phase, where the CPU is whole and a broken model stops the deployment
