"""A whole bucket becomes one table: the state machine of infra/batch.yaml runs in moto's Step Functions engine.

The engine reads the definition that CloudFormation would get, lists the bucket, maps over it, and takes its decisions.
It evaluates JSONata in a Java machine, which is not here: jsonata-python, a port of the same library, stands in.
Its grammar is from before the ResultWriter of JSONata. So a function of this test writes the rows in its place, in the
form that AWS's documentation gives (JSONL, COMPACT). The other functions are the handler itself, and the code in the
template.
"""

import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from jsonata import Jsonata
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.common.string import string_expression
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.jsonata import validations

import local_aws
import service
from conftest import ROOT
from pkai.errors import PkaiError, StorageError
from resolved_stack import resolved

RECORDINGS, TABLES = "recordings", "tables"
JUDGE = "arn:aws:lambda:eu-central-1:111111111111:function:pkai-judge:live"
WRITER = "arn:aws:lambda:eu-central-1:111111111111:function:write-table"
ROWS = "arn:aws:lambda:eu-central-1:111111111111:function:put-rows"
ROLE = "arn:aws:iam::111111111111:role/assess-bucket"
TEMPLATE = ROOT / "infra" / "batch.yaml"
Function = Callable[[dict[str, Any]], Any]


class Functions:
    """What the engine's client of Lambda invokes."""

    def __init__(self, functions: dict[str, Function]) -> None:
        self.functions = functions
        self.n_invoked = dict.fromkeys(functions, 0)

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        """Answer as Lambda does: an error that was raised is in the payload."""
        self.n_invoked[FunctionName] += 1
        try:
            answer, failed = self.functions[FunctionName](json.loads(Payload)), {}
        except (PkaiError, RuntimeError) as err:
            answer = {"errorType": type(err).__name__, "errorMessage": str(err)}
            failed = {"FunctionError": "Unhandled"}
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer).encode()), **failed}


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, short_root: Any) -> Iterator[Any]:
    """S3 with two buckets, and the engine."""
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        service.configure(
            monkeypatch, **local_aws.ENVIRONMENT, PKAI_BUCKETS=RECORDINGS, PKAI_MODEL_DIR=str(short_root), BUCKET=TABLES
        )
        monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
        s3 = boto3.client("s3")
        for bucket in (RECORDINGS, TABLES):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": local_aws.REGION})
        for module in (string_expression, validations):
            monkeypatch.setattr(module, "eval_jsonata_expression", evaluated)
        yield s3
        service.configure(monkeypatch)


def evaluated(expression: str) -> Any:
    """What a JSONata expression comes to."""
    return Jsonata(expression).evaluate(None)


def put_rows(event: dict[str, Any]) -> dict[str, Any]:
    """The rows of a distributed map and their manifest, as ResultWriter puts them."""
    bucket, folder = event["Bucket"], event["Prefix"] + "/6a15b6f2"
    lines = "".join(json.dumps(row) + "\n" for row in event["rows"])
    s3 = boto3.client("s3")
    s3.put_object(Bucket=bucket, Key=f"{folder}/SUCCEEDED_0.jsonl", Body=lines.encode())
    files = {"SUCCEEDED": [{"Key": f"{folder}/SUCCEEDED_0.jsonl", "Size": len(lines)}], "FAILED": [], "PENDING": []}
    manifest = {"DestinationBucket": bucket, "ResultFiles": files}
    s3.put_object(Bucket=bucket, Key=f"{folder}/manifest.json", Body=json.dumps(manifest).encode())
    return {"ResultWriterDetails": {"Bucket": bucket, "Key": f"{folder}/manifest.json"}}


def definition() -> str:
    """The state machine as it is deployed."""
    machine = resolved(TEMPLATE, JudgeAliasArn=JUDGE, RecordingBucket=RECORDINGS)["AssessBucket"]["Properties"]
    plain = json.loads(json.dumps(machine["Definition"]))
    mapped = plain["States"]["AssessEach"]
    writer = mapped.pop("ResultWriter")
    assert writer["WriterConfig"] == {"OutputType": "JSONL", "Transformation": "COMPACT"}
    plain["States"]["PutRows"] = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": ROWS, "Payload": {**writer["Arguments"], "rows": "{% $states.input %}"}},
        "Output": "{% $states.result.Payload %}",
        "Next": mapped["Next"],
    }
    mapped["Next"] = "PutRows"
    text = json.dumps(plain)
    known = {**machine["DefinitionSubstitutions"], "TableBucket": TABLES, "WriteTableArn": WRITER}
    for name, value in known.items():
        text = text.replace(f"${{{name}}}", str(value))
    assert "${" not in text
    return text


def table_writer() -> Function:
    """The function that the template carries."""
    code = resolved(TEMPLATE, JudgeAliasArn=JUDGE, RecordingBucket=RECORDINGS)["WriteTable"]["Properties"]["Code"]
    names: dict[str, Any] = {}
    exec(compile(code["ZipFile"], "index.py", "exec"), names)  # noqa: S102  # it is ours, from the template
    return lambda event: names["handler"](event, None)


def run(functions: Functions, monkeypatch: pytest.MonkeyPatch, asked: dict[str, str]) -> dict[str, Any]:
    """Start the state machine and wait for its end."""
    monkeypatch.setattr(lambda_eval_utils, "boto_client_for", lambda **_: functions)
    steps = boto3.client("stepfunctions")
    machine = steps.create_state_machine(name="batch", definition=definition(), roleArn=ROLE)["stateMachineArn"]
    started = steps.start_execution(stateMachineArn=machine, name="autumn", input=json.dumps(asked))["executionArn"]
    give_up_at = time.monotonic() + 120
    while (found := steps.describe_execution(executionArn=started))["status"] == "RUNNING":
        assert time.monotonic() < give_up_at
        time.sleep(0.1)
    return dict(found)


def test_each_object_becomes_a_row_with_its_rating_or_what_was_wrong(
    cloud: Any, monkeypatch: pytest.MonkeyPatch, recording: bytes
) -> None:
    for key, body in (("autumn/für élise +.wav", recording), ("autumn/letter.txt", b"Dear all,"), ("spring/x", b"")):
        cloud.put_object(Bucket=RECORDINGS, Key=key, Body=body)
    functions = Functions({JUDGE: service.invoke, ROWS: put_rows, WRITER: table_writer()})
    found = run(functions, monkeypatch, {"prefix": "autumn/"})
    assert found["status"] == "SUCCEEDED", found
    assert json.loads(found["output"]) == {"table": f"s3://{TABLES}/tables/autumn.csv", "rows": 2}
    table = cloud.get_object(Bucket=TABLES, Key="tables/autumn.csv")["Body"].read().decode()
    rows = {row["key"]: row for row in csv.DictReader(io.StringIO(table))}
    assert set(rows) == {"autumn/für élise +.wav", "autumn/letter.txt"}
    assert rows["autumn/letter.txt"]["error"] == "unsupported_audio"
    played = rows["autumn/für élise +.wav"]
    assert 0 <= float(played["rating_low"]) <= float(played["rating"]) <= float(played["rating_high"]) <= 100
    assert (played["model"], played["error"]) == ("apr 0.0.0", "")


def test_what_fails_for_good_is_a_row_too_and_trouble_that_passes_is_tried_again(
    cloud: Any, monkeypatch: pytest.MonkeyPatch, recording: bytes
) -> None:
    cloud.put_object(Bucket=RECORDINGS, Key="passing.wav", Body=recording)
    cloud.put_object(Bucket=RECORDINGS, Key="broken.wav", Body=recording)
    refused: list[dict[str, Any]] = []

    def judge(event: dict[str, Any]) -> Any:
        if "broken" in event["audio"]["s3"]:
            raise RuntimeError("out of memory")
        if not refused:
            refused.append(event)
            raise StorageError("S3 answered SlowDown; try again")
        return service.invoke(event)

    functions = Functions({JUDGE: judge, ROWS: put_rows, WRITER: table_writer()})
    found = run(functions, monkeypatch, {})
    assert found["status"] == "SUCCEEDED", found
    table = cloud.get_object(Bucket=TABLES, Key="tables/autumn.csv")["Body"].read().decode()
    rows = {row["key"]: row for row in csv.DictReader(io.StringIO(table))}
    assert rows["broken.wav"]["error"] == "RuntimeError"
    assert rows["passing.wav"]["rating"]
    assert functions.n_invoked[JUDGE] == 3
