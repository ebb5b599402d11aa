"""Write every event of this folder again: `python events/make_events.py`, after a recording in `audio/` has changed."""

import base64
import io
import json
import math
import wave
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

FOLDER = Path(__file__).resolve().parent
RECORDING = FOLDER / "audio" / "fur-elise-1-expert-grand.mp3"
# Tests put the recording there, and so can people in a bucket of their own.
BUCKET = "pkai-recordings"
KEY = "fur-elise.mp3"
# The installation's own buckets, and what tests upload there.
UPLOADS_BUCKET = "pkai-uploads"
RESULTS_BUCKET = "pkai-results"
UPLOAD_ID = "0123456789abcdef0123456789abcdef"
UPLOAD_KEYS = (
    f"uploads/{UPLOAD_ID}",
    "uploads/für élise + 日本 100%.mp3",
)
NO_RECORDING_KEY = "uploads/letter.txt"


def events() -> dict[str, Any]:
    """Every event of the folder, by the name of its file."""
    recording = RECORDING.read_bytes()
    stored = f"s3://{BUCKET}/{KEY}"
    return {
        "direct_base64": {**_sent(recording), "piece": None, "references": None, "model": None},
        "direct_s3": {"audio": {"s3": stored}, "piece": None, "references": None, "model": None},
        "empty": {},
        "not_an_object": [],
        "both_sources": {"audio": {"base64": "", "s3": stored}},
        "neither_source": {"audio": {}},
        "wrong_types": {"audio": {"base64": 12}, "references": "all"},
        "unknown_field": {"audio": {"s3": stored}, "colour": "blue"},
        "bad_base64": {"audio": {"base64": "data:audio/mpeg;base64,SUQzBAA="}},
        "bad_location": {"audio": {"s3": "https://example.com/fur-elise.mp3"}},
        "unknown_bucket": {"audio": {"s3": f"s3://bucket-of-somebody-else/{KEY}"}},
        "missing_object": {"audio": {"s3": f"s3://{BUCKET}/no-such-recording.mp3"}},
        "unknown_model": {"audio": {"s3": stored}, "model": "no-such-model"},
        "unknown_piece": {"audio": {"s3": stored}, "piece": "no-such-piece"},
        "unknown_reference": {"audio": {"s3": stored}, "references": ["no-such-reference"]},
        "not_audio": _sent(b"This is a letter and no recording.\n" * 20),
        "empty_audio": _sent(b""),
        "truncated": _sent(_wav(duration_s=20, amplitude=50)[:8000]),
        "too_short": _sent(_wav(duration_s=3, amplitude=50)),
        "silent": _sent(_wav(duration_s=12, amplitude=0)),
        **_http_events(),
        **_s3_events(),
    }


def main() -> None:
    """Write the events beside this script."""
    for name, event in events().items():
        (FOLDER / f"{name}.json").write_text(json.dumps(event, indent=1) + "\n")


def _http_events() -> dict[str, Any]:
    recording = _wav(duration_s=9, amplitude=50)
    inline = {"base64": base64.b64encode(recording).decode()}
    as_wav = {"content-type": "audio/wav"}
    return {
        "http_assess_json": _http("POST", "/v1/assessments", json_body={"audio": {"s3": f"s3://{BUCKET}/{KEY}"}}),
        "http_assess_recording": _http(
            "POST", "/v1/assessments", query="piece=fur-elise", headers=as_wav, recording=recording
        ),
        "http_assess_first_payload": _http_first_payload(
            "POST", "/v1/assessments", json_body={"audio": {"s3": f"s3://{BUCKET}/{KEY}"}}
        ),
        "http_assess_function_url": _function_url("POST", "/v1/assessments", headers=as_wav, recording=recording),
        "http_compare": _http("POST", "/v1/comparisons", json_body={"first": inline, "second": inline}),
        "http_references": _http("GET", "/v1/references", query="piece=fur-elise"),
        "http_offer_upload": _http(
            "POST", "/v1/uploads", json_body={"content_type": "audio/mpeg", "piece": "fur-elise"}
        ),
        "http_find_pending": _http("GET", f"/v1/assessments/{UPLOAD_ID}"),
        "http_find_nothing": _http("GET", f"/v1/assessments/{UPLOAD_ID[::-1]}"),
        "http_find_no_id": _http("GET", "/v1/assessments/latest"),
        "http_health": _http("GET", "/v1/health"),
        "http_openapi": _http("GET", "/openapi.json"),
        "http_page": _http("GET", "/"),
        "http_no_such_path": _http("GET", "/v1/nothing"),
        "http_wrong_method": _http("DELETE", "/v1/assessments"),
        "http_not_json": _http("POST", "/v1/assessments", headers={"content-type": "application/json"}, text="{audio}"),
        "http_both_sources": _http(
            "POST", "/v1/assessments", json_body={"audio": {"base64": "", "s3": f"s3://{BUCKET}/{KEY}"}}
        ),
        "http_bad_base64": _http("POST", "/v1/assessments", json_body={"audio": {"base64": "no!"}}),
        "http_wrong_content_type": _http(
            "POST", "/v1/assessments", headers={"content-type": "application/x-www-form-urlencoded"}, text="ID3"
        ),
        "http_unknown_query": _http("GET", "/v1/references", query="peice=fur-elise"),
        "http_too_short": _http("POST", "/v1/assessments", headers=as_wav, recording=_wav(duration_s=3, amplitude=50)),
    }


def _s3_events() -> dict[str, Any]:
    first, second = UPLOAD_KEYS
    return {
        "s3_one": {"Records": [_record(first)]},
        "s3_many": {"Records": [_record(first), _record(second), _record(NO_RECORDING_KEY), _record(first)]},
        "s3_missing_object": {"Records": [_record("uploads/deleted-meanwhile.mp3")]},
        "s3_other_bucket": {"Records": [_record(first, bucket="bucket-of-somebody-else"), _record(second)]},
        "s3_result": {"Records": [_record("results/some.json", bucket=RESULTS_BUCKET)]},
        "s3_removed": {"Records": [_record(first, name="ObjectRemoved:Delete")]},
        "s3_test": {
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": "2026-11-01T12:00:00.000Z",
            "Bucket": UPLOADS_BUCKET,
            "RequestId": "5582815E1AEA5ADF",
            "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
        },
        "eventbridge_created": _bridged("Object Created", second),
        "eventbridge_deleted": _bridged("Object Deleted", second),
    }


def _http(method: str, path: str, *, query: str = "", **body: Any) -> dict[str, Any]:
    """A request as API Gateway's HTTP API sends it, payload 2.0."""
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": query,
        **_body(**body),
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "api0000000",
            "domainName": "api0000000.execute-api.eu-central-1.amazonaws.com",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "curl",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "stage": "$default",
            "timeEpoch": 1793534400000,
        },
    }


def _function_url(method: str, path: str, **body: Any) -> dict[str, Any]:
    """A request to the function's own URL; its payload is 2.0, too."""
    event = _http(method, path, **body)
    event["routeKey"] = "$default"
    event["requestContext"]["domainName"] = "url0000000.lambda-url.eu-central-1.on.aws"
    event["requestContext"]["requestId"] = "e1506fd5-9e7b-434f-bd42-4f8fa224b599"
    return event


def _http_first_payload(method: str, path: str, **body: Any) -> dict[str, Any]:
    """A request as REST APIs send it, payload 1.0, from a stage that has a name."""
    return {
        "version": "1.0",
        "resource": path,
        "path": f"/test{path}",
        "httpMethod": method,
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        **_body(**body),
        "requestContext": {
            "httpMethod": method,
            "path": f"/test{path}",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "stage": "test",
        },
    }


def _body(
    *,
    json_body: Any = None,
    text: str | None = None,
    recording: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    if json_body is not None:
        return _body(text=json.dumps(json_body), headers={"content-type": "application/json", **(headers or {})})
    body = {"headers": {"accept": "*/*", **(headers or {})}, "isBase64Encoded": recording is not None}
    if recording is not None:
        body["body"] = base64.b64encode(recording).decode()
    elif text is not None:
        body["body"] = text
    return body


def _record(key: str, *, bucket: str = UPLOADS_BUCKET, name: str = "ObjectCreated:Post") -> dict[str, Any]:
    """One record of an S3 notification; its key is encoded as in a form."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-central-1",
        "eventTime": "2026-11-01T12:00:00.000Z",
        "eventName": name,
        "userIdentity": {"principalId": "AWS:AIDAEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "192.0.2.1"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "EXAMPLE"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "uploads",
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {"key": quote_plus(key, safe="/"), "size": 1024, "sequencer": "0055AED6DCD90281E5"},
        },
    }


def _bridged(kind: str, key: str) -> dict[str, Any]:
    """The same from EventBridge; its key is as it is."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": kind,
        "source": "aws.s3",
        "account": "000000000000",
        "time": "2026-11-01T12:00:00Z",
        "region": "eu-central-1",
        "resources": [f"arn:aws:s3:::{UPLOADS_BUCKET}"],
        "detail": {
            "version": "0",
            "bucket": {"name": UPLOADS_BUCKET},
            "object": {"key": key, "size": 1024, "sequencer": "0055AED6DCD90281E5"},
            "request-id": "C3D13FE58DE4C810",
            "reason": "PutObject",
        },
    }


def _sent(recording: bytes) -> dict[str, Any]:
    return {"audio": {"base64": base64.b64encode(recording).decode()}}


def _wav(*, duration_s: int, amplitude: int, sample_rate: int = 2000) -> bytes:
    """An A of 440 Hz in 8 bits, few enough bytes to be read as an event."""
    samples = (
        128 + round(amplitude * math.sin(2 * math.pi * 440 * n / sample_rate)) for n in range(duration_s * sample_rate)
    )
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(1)
        writer.setframerate(sample_rate)
        writer.writeframes(bytes(samples))
    return file.getvalue()


if __name__ == "__main__":
    main()
