"""Objects that arrive in S3: each of their versions is assessed, and its answer written, exactly once.

S3 tells of an object at least once, in any order, and Lambda tries a failed event again as a whole. So everything here
may be repeated: the answer's key follows from the object's version, and it is written by a conditional put.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import unquote_plus

from pkai import contract, uploads
from pkai.errors import LocationNotAllowed, PkaiError, RecordingError, RecordingNotFound, RequestError
from pkai.service import Service
from pkai.store import Place


class Outcome(StrEnum):
    """What became of one object."""

    ASSESSED = "assessed"
    REFUSED = "refused"  # the answer is an error that the sender can mend
    REPEATED = "repeated"  # there was an answer already
    PASSED_OVER = "passed_over"  # no recording: an answer of our own


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """An object that an event tells of, and how the sender's log names the event."""

    place: Place
    correlation_id: str | None


def is_s3_event(event: object) -> bool:
    """Whether S3 itself, or EventBridge for it, sent the event."""
    return _is_notification(event) or _is_bridged(event) or _is_test(event)


def arrivals(event: dict[str, Any]) -> Iterator[Arrival | RequestError]:
    """Every created object that an event tells of, each version once; what cannot be read comes as an error.

    Other kinds of events, of deletions for one, and S3's own test message tell of none.
    """
    seen = set()
    found: Iterable[Arrival | RequestError | None] = ()
    if _is_notification(event):
        found = map(_notified, event["Records"])
    elif _is_bridged(event):
        found = (_bridged(event),)
    for arrival in found:
        if isinstance(arrival, Arrival):
            if arrival.place in seen:
                continue
            seen.add(arrival.place)
        if arrival is not None:
            yield arrival


def process(service: Service, place: Place, *, request_id: str) -> Outcome:
    """Assess one object and write the answer, be it an error of the sender's.

    Raises
    ------
    LocationNotAllowed
        If the bucket is none of this installation's.
    ModelError, StorageError
        If the answer could not be made or written, and a later try may.
    """
    settings = service.settings
    if place.bucket == settings.results_bucket and place.key.startswith(uploads.RESULTS_PREFIX):
        return Outcome.PASSED_OVER
    if place.bucket not in settings.readable_buckets or settings.results_bucket is None:
        raise LocationNotAllowed("the event tells of a bucket that is none of PKAI_BUCKETS and PKAI_UPLOADS_BUCKET")
    if not (place.version_id or place.etag):
        current = service.store.current(place.bucket, place.key)
        if current is None:
            raise RecordingNotFound("the event tells of an object without a version, and it is gone")
        place = current
    assessment_id = uploads.assessment_id(place, uploads_bucket=settings.uploads_bucket)
    key = uploads.result_key(assessment_id, place)
    if service.store.current(settings.results_bucket, key):
        return Outcome.REPEATED
    document, outcome = _answered(service, place, assessment_id, request_id)
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    if not service.store.put_once(settings.results_bucket, key, text.encode()):
        return Outcome.REPEATED
    return outcome


def _answered(service: Service, place: Place, assessment_id: str, request_id: str) -> tuple[dict[str, Any], Outcome]:
    try:
        with service.store.fetched(place) as fetched:
            options = uploads.options_in(fetched.notes)
            assessment = service.assess_file(service.judge_for(options.model), fetched.file, options)
    except (RequestError, RecordingError) as err:
        problem = contract.problem(err, request_id)
        return contract.answer(contract.Failed(id=assessment_id, error=problem)), Outcome.REFUSED
    return contract.answer(contract.Done(id=assessment_id, assessment=assessment)), Outcome.ASSESSED


def told(place: Place | None, err: Exception) -> dict[str, str | None]:
    """What the dead letter tells of one object that could not be assessed."""
    code = err.code if isinstance(err, PkaiError) else "internal_error"
    where = {"bucket": place.bucket, "key": place.key, "version_id": place.version_id} if place else {}
    return {**where, "code": code, "message": str(err)}


def _is_notification(event: object) -> bool:
    records = event.get("Records") if isinstance(event, dict) else None
    return (
        isinstance(records, list)
        and bool(records)
        and all(isinstance(record, dict) and record.get("eventSource") == "aws:s3" for record in records)
    )


def _is_bridged(event: object) -> bool:
    return isinstance(event, dict) and event.get("source") == "aws.s3" and isinstance(event.get("detail-type"), str)


def _is_test(event: object) -> bool:
    return isinstance(event, dict) and event.get("Service") == "Amazon S3" and event.get("Event") == "s3:TestEvent"


def _notified(record: dict[str, Any]) -> Arrival | RequestError | None:
    name = record.get("eventName")
    if isinstance(name, str) and not name.removeprefix("s3:").startswith("ObjectCreated"):
        return None
    try:
        thing = record["s3"]["object"]
        place = _place(
            record["s3"]["bucket"]["name"], unquote_plus(thing["key"]), thing.get("versionId"), thing.get("eTag")
        )
        responses = record.get("responseElements") or {}
        return Arrival(place=place, correlation_id=_text(responses.get("x-amz-request-id")))
    except (AttributeError, KeyError, TypeError, ValueError) as err:
        return _unreadable(err)


def _bridged(event: dict[str, Any]) -> Arrival | RequestError | None:
    if event["detail-type"] != "Object Created":
        return None
    try:
        thing = event["detail"]["object"]
        # EventBridge, unlike S3 itself, sends the key as it is.
        place = _place(event["detail"]["bucket"]["name"], thing["key"], thing.get("version-id"), thing.get("etag"))
        return Arrival(place=place, correlation_id=_text(event.get("id")))
    except (AttributeError, KeyError, TypeError, ValueError) as err:
        return _unreadable(err)


def _place(bucket: object, key: object, version_id: object, etag: object) -> Place:
    if not (isinstance(bucket, str) and bucket and isinstance(key, str) and key):
        raise ValueError("bucket or key is no text")
    return Place(
        bucket=bucket,
        key=key,
        # "null" is the version of what was written while the bucket kept none.
        version_id=None if version_id == "null" else _text(version_id),
        etag=(_text(etag) or "").strip('"') or None,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _unreadable(err: Exception) -> RequestError:
    return RequestError(f"a record of the event is none of S3's ({type(err).__name__}: {err})")
