"""Event in, answer out: what the Lambda runtime calls, whatever the event came from.

The asker's errors are answered. The model's and the storage's propagate from direct and S3 events, so that Lambda's
Errors metric, retries, alarms and dead letters see them; over HTTP they are answered with a status from 500 on.
"""

import json
import sys
import time
from functools import lru_cache
from typing import Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

import tracing
from pkai import contract, gateway, routes, triggers
from pkai.errors import InternalError, MethodNotAllowed, PkaiError, RecordsFailed, StorageError
from pkai.gateway import HttpAnswer, HttpRequest
from pkai.service import Service
from pkai.settings import Settings
from pkai.storage import S3
from pkai.store import Store

# Errors from 500 on are not the asker's, and are raised where nobody waits for an HTTP answer.
STATUS_BY_CODE = {
    "invalid_request": 400,
    "invalid_json": 400,
    "invalid_base64": 400,
    "one_audio_source": 400,
    "location_not_allowed": 403,
    "recording_not_found": 404,
    "assessment_not_found": 404,
    "route_not_found": 404,
    "method_not_allowed": 405,
    "request_too_large": 413,
    "recording_too_large": 413,
    "unsupported_audio": 415,
    "unsupported_media_type": 415,
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
    "records_failed": 500,
    "internal_error": 500,
    "not_configured": 501,
    "storage_error": 503,
}
# The messages of our own errors name folders and roles: those go to the log, and the asker is told this.
_SAID_OF_OURS = {
    500: "the service cannot judge at the moment, and its keepers are told; quote the request_id when you ask them",
    503: "the storage cannot be reached at the moment; try again",
}
_RETRY_AFTER_S = "5"

# To stderr, as `pkai invoke` keeps stdout for the answer; Lambda collects both.
logger = Logger(service="pkai", stream=sys.stderr)
_cold = True


def handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Answer an event of any kind.

    Parameters
    ----------
    event : HTTP request (API Gateway payload 2.0 or 1.0, function URL), S3 notification, S3 event of EventBridge, or
        a direct request; see `pkai.contract.AssessmentRequest`
    context : of the invocation, as the runtime gives it

    Returns
    -------
    HTTP: status, headers and body. S3: how many objects came to what. Direct: an assessment, or
    `{"error": {"code", "message", "request_id"}}` where the asker can mend it

    Raises
    ------
    ModelError, StorageError
        From a direct event, if the model cannot be used, or S3 failed in a way that a later try may not.
    RecordsFailed
        From an S3 event, after all of its objects were gone through, if some could not be assessed.
    """
    started = time.perf_counter()
    request_id = context.aws_request_id
    kind = _kind(event)
    cold_start = _begin_log(context, kind)
    try:
        with tracing.segment("handler", {"event": kind, "cold_start": cold_start}):
            if kind == "http":
                return _answer_http(gateway.request_of(event), request_id)  # type: ignore[arg-type]  # `_kind` tells
            if kind == "s3":
                return _answer_s3(event, request_id)  # type: ignore[arg-type]
            return _answer_direct(event, request_id)
    finally:
        _measure("Latency", (time.perf_counter() - started) * 1000, MetricUnit.Milliseconds, event=kind)
        logger.thread_safe_clear_keys()


def use(settings: Settings, store: Store) -> Service:
    """Answer with these settings and this store from now on, instead of those of the environment."""
    global _chosen
    _chosen = Service(settings, store)
    return _chosen


_chosen: Service | None = None


def _service() -> Service:
    return _chosen or Service(_settings(), S3())


@lru_cache(maxsize=1)
def _settings() -> Settings:
    return Settings.from_env()


def _kind(event: object) -> str:
    if gateway.is_http_event(event):
        return "http"
    return "s3" if triggers.is_s3_event(event) else "direct"


def _answer_direct(event: object, request_id: str) -> dict[str, Any]:
    logger.thread_safe_append_keys(correlation_id=request_id)
    try:
        assessment = _service().assess(contract.parse(event))
    except PkaiError as err:
        if _note(err) >= 500:
            raise
        return contract.error_answer(err, request_id)
    _note_assessed(assessment.recording.duration_s)
    return contract.answer(assessment)


def _answer_http(request: HttpRequest, request_id: str) -> dict[str, Any]:
    logger.thread_safe_append_keys(correlation_id=request.id or request_id)
    try:
        answer = routes.dispatch(_service(), request)
    except PkaiError as err:
        answer = _refusal(err, request, request_id)
    except Exception as err:  # the process edge: nobody is shown a traceback
        logger.exception("failed", code=InternalError.code)
        answer = _refusal(InternalError(str(err)), request, request_id)
    else:
        logger.info("answered", status=answer.status)
        if request.method == "POST" and answer.status == 200:
            _measure("Assessments", 1, MetricUnit.Count)
    return answer.event(request_id=request_id, with_body=request.method != "HEAD")


def _refusal(err: PkaiError, request: HttpRequest, request_id: str) -> HttpAnswer:
    status = _note(err)
    told = contract.error_answer(err, request_id)
    headers = {}
    if status in _SAID_OF_OURS:
        told["error"]["message"] = _SAID_OF_OURS[status]
    if status == STATUS_BY_CODE[StorageError.code]:
        headers["retry-after"] = _RETRY_AFTER_S
    if isinstance(err, MethodNotAllowed):
        headers["allow"] = ", ".join(routes.methods_at(request.path))
    return HttpAnswer.of(told, status=status, headers=headers)


def _answer_s3(event: dict[str, Any], request_id: str) -> dict[str, Any]:
    service = _service()
    outcomes = dict.fromkeys((outcome.value for outcome in triggers.Outcome), 0)
    failed = []
    for arrival in triggers.arrivals(event):
        try:
            named = None if isinstance(arrival, PkaiError) else arrival.correlation_id
            logger.thread_safe_append_keys(correlation_id=named or request_id)
            if isinstance(arrival, PkaiError):
                raise arrival
            outcome = triggers.process(service, arrival.place, request_id=request_id)
        except Exception as err:  # the edge between one object and the next: a bad one does not hold the others back
            place = None if isinstance(arrival, PkaiError) else arrival.place
            failed.append(triggers.told(place, err))
            _note(err if isinstance(err, PkaiError) else InternalError(str(err)))
        else:
            outcomes[outcome] += 1
            logger.info("processed", outcome=outcome)
            if outcome == triggers.Outcome.ASSESSED:
                _measure("Assessments", 1, MetricUnit.Count)
    if failed:
        n_all = sum(outcomes.values()) + len(failed)
        raise RecordsFailed(f"{len(failed)} of {n_all} objects could not be assessed: {json.dumps(failed)}")
    return outcomes


def _begin_log(context: LambdaContext, kind: str) -> bool:
    """Put what every line of the log tells into it; returns whether this is the first invocation."""
    global _cold
    cold_start, _cold = _cold, False
    # Keys of this thread alone: `pkai serve` answers several events at once.
    logger.thread_safe_append_keys(
        function_name=context.function_name,
        function_request_id=context.aws_request_id,
        cold_start=cold_start,
        event=kind,
    )
    return cold_start


def _note(err: PkaiError) -> int:
    """Log and count an error; returns its status."""
    status = STATUS_BY_CODE[err.code]
    if status >= 500:
        logger.exception("failed", code=err.code, status=status)
    else:
        logger.info("refused", code=err.code, status=status)
    _measure("Errors", 1, MetricUnit.Count, code=err.code)
    tracing.note("error", err.code)
    return status


def _note_assessed(duration_s: float) -> None:
    logger.info("assessed", duration_s=duration_s)
    _measure("Assessments", 1, MetricUnit.Count)


def _measure(name: str, value: float, unit: MetricUnit, **dimensions: str) -> None:
    """Write one metric, in CloudWatch's embedded metric format, where the log goes."""
    metrics = EphemeralMetrics(namespace="PKAI", service="pkai")
    metrics.add_metric(name=name, unit=unit, value=value)
    for dimension, said in dimensions.items():
        metrics.add_dimension(name=dimension, value=said)
    sys.stderr.write(json.dumps(metrics.serialize_metric_set()) + "\n")


if _settings().in_lambda:
    _service().judge_for(None)  # in the init phase, where the CPU is whole and a broken model stops the deployment
