"""From the presigned form to the answer, nothing in between being ours to fake.

The handler runs under awslambdaric and the runtime interface emulator. S3, SQS and EventBridge are moto's real server:
it is S3 that tells of an upload, by its notification and by EventBridge, and what it told lies in queues. This test
does only what Lambda itself would: it hands each event to the function, up to three times, and puts what failed aside.
"""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3.session
import pytest
import requests

import local_aws
from conftest import need
from container import emulator
from container.test_runtime_interface_emulator import post
from events import make_events

UPLOADS, RESULTS = "pkai-uploads", "pkai-results"
QUEUES = ("notifications", "bridged", "dead-letters")


@dataclass(frozen=True)
class Cloud:
    """The service, and what stands around it."""

    function: str
    s3: Any
    sqs: Any
    queues: dict[str, str]

    def ask(self, method: str, path: str, **body: Any) -> tuple[int, Any]:
        """Ask the API, as its gateway does."""
        answer = post(self.function, json.dumps(make_events._http(method, path, **body)).encode())
        return answer["statusCode"], json.loads(answer["body"])

    def upload(self, recording: bytes) -> str:
        """Upload with the form that the API offers; returns the path of the assessment."""
        status, offered = self.ask("POST", "/v1/uploads", json_body={"content_type": "audio/mpeg"})
        assert status == 201
        sent = requests.post(offered["url"], data=offered["fields"], files={"file": recording}, timeout=30)
        assert sent.status_code == 204, sent.text
        assert self.ask("GET", offered["assessment"])[0] == 202
        return str(offered["assessment"])

    def events(self, queue: str) -> Iterator[Any]:
        """What was sent to a queue, each once."""
        while messages := self.sqs.receive_message(QueueUrl=self.queues[queue], MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.sqs.delete_message(QueueUrl=self.queues[queue], ReceiptHandle=message["ReceiptHandle"])
                yield json.loads(message["Body"])

    def deliver(self, event: Any) -> dict[str, Any]:
        """Invoke as Lambda does for events: three times, then to the dead letters with the reason."""
        for _ in range(3):
            answer = post(self.function, json.dumps(event).encode())
            if "errorType" not in answer:
                return answer
        letter = json.dumps({"requestPayload": event, "responsePayload": answer})
        self.sqs.send_message(QueueUrl=self.queues["dead-letters"], MessageBody=letter)
        return answer


@pytest.fixture(scope="module")
def cloud(model_root: Path) -> Iterator[Cloud]:
    program = emulator.binary()
    need(program is not None, "the runtime interface emulator for this machine (aws-sam-cli)")
    assert program is not None
    with local_aws.s3_server() as endpoint:
        for bucket in (UPLOADS, RESULTS):
            local_aws.create_bucket(endpoint, bucket)
        session = boto3.session.Session(
            aws_access_key_id=local_aws.ENVIRONMENT["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=local_aws.ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
            region_name=local_aws.REGION,
        )
        environment = {
            **local_aws.ENVIRONMENT,
            "AWS_ENDPOINT_URL_S3": endpoint,
            "PKAI_BUCKETS": "",
            "PKAI_UPLOADS_BUCKET": UPLOADS,
            "PKAI_RESULTS_BUCKET": RESULTS,
            "PKAI_MODEL_DIR": str(model_root),
        }
        with (
            closing(session.client("sqs", endpoint_url=endpoint)) as sqs,
            closing(session.client("events", endpoint_url=endpoint)) as bus,
            closing(session.client("s3", endpoint_url=endpoint)) as s3,
            emulator.running(program, port=emulator.free_port(), environment=environment) as (function, _),
        ):
            queues = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in QUEUES}
            arns = {name: _arn(sqs, url) for name, url in queues.items()}
            _tell_of_uploads(s3, bus, arns)
            yield Cloud(function=function, s3=s3, sqs=sqs, queues=queues)


def _arn(sqs: Any, url: str) -> str:
    return str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])


def _tell_of_uploads(s3: Any, bus: Any, arns: dict[str, str]) -> None:
    """As template.yaml has it, with a queue in place of the function."""
    bus.put_rule(
        Name="uploads",
        EventPattern=json.dumps({"source": ["aws.s3"], "detail-type": ["Object Created"]}),
        State="ENABLED",
    )
    bus.put_targets(Rule="uploads", Targets=[{"Id": "queue", "Arn": arns["bridged"]}])
    only_uploads = {"Key": {"FilterRules": [{"Name": "prefix", "Value": "uploads/"}]}}
    s3.put_bucket_notification_configuration(
        Bucket=UPLOADS,
        NotificationConfiguration={
            "QueueConfigurations": [
                {"QueueArn": arns["notifications"], "Events": ["s3:ObjectCreated:*"], "Filter": only_uploads}
            ],
            "EventBridgeConfiguration": {},
        },
    )


def test_an_upload_through_the_form_leads_to_the_answer_that_the_api_returns(cloud: Cloud) -> None:
    path = cloud.upload(make_events.RECORDING.read_bytes())
    (notified,) = (event for event in cloud.events("notifications") if "Records" in event)
    (bridged,) = cloud.events("bridged")
    assert cloud.deliver(notified)["assessed"] == 1
    status, answer = cloud.ask("GET", path)
    assert (status, answer["status"]) == (200, "done")
    assert answer["assessment"]["recording"]["codec"].startswith("mp3")
    told_again = cloud.deliver(bridged)
    assert (told_again["assessed"], told_again["repeated"]) == (0, 1)
    assert cloud.ask("GET", path) == (status, answer)
    assert cloud.s3.list_objects_v2(Bucket=RESULTS)["KeyCount"] == 1


def test_an_upload_that_is_no_recording_leads_to_its_error(cloud: Cloud) -> None:
    path = cloud.upload(b"Dear all,")
    list(cloud.events("notifications"))
    (bridged,) = cloud.events("bridged")
    assert cloud.deliver(bridged)["refused"] == 1
    status, answer = cloud.ask("GET", path)
    assert (status, answer["status"], answer["error"]["code"]) == (200, "failed", "unsupported_audio")


def test_what_cannot_be_done_reaches_the_dead_letters_with_the_reason(cloud: Cloud) -> None:
    path = cloud.upload(make_events.RECORDING.read_bytes())
    (notified,) = (event for event in cloud.events("notifications") if "Records" in event)
    list(cloud.events("bridged"))
    cloud.s3.delete_object(Bucket=UPLOADS, Key="uploads/" + path.rpartition("/")[2])
    del notified["Records"][0]["s3"]["object"]["eTag"]  # of a kind that names no content
    assert cloud.deliver(notified)["errorType"] == "RecordsFailed"
    (letter,) = cloud.events("dead-letters")
    assert letter["requestPayload"] == notified
    assert '"recording_not_found"' in letter["responsePayload"]["errorMessage"]
