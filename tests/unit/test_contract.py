"""Requests are read strictly, each mistake told with what to send; answers are plain JSON."""

import base64
import dataclasses
import json

import pytest

from pkai import contract
from pkai.assessment import (
    Assessment,
    Finding,
    ModelIdentity,
    Notice,
    Passage,
    PieceIdentity,
    Rank,
    RecordingFacts,
    Stretch,
    TimelinePoint,
)
from pkai.errors import ModelContractError, RecordingTooShort, RequestError, RequestTooLarge

EXAMPLE = r'send \{"audio": \{"base64": "…"\}\} or \{"audio": \{"s3": "s3://bucket/key"\}\}'
ASSESSMENT = Assessment(
    model=ModelIdentity(name="pdr", version="1.0.0", sha256="ab"),
    recording=RecordingFacts(
        duration_s=9.0, played_from_s=0.0, played_to_s=9.0, codec="mp3", sample_rate=44_100, channels=2
    ),
    score=-0.5,
    rating=40.0,
    rating_interval=(30.0, 50.0),
    level="intermediate",
    piece=PieceIdentity(name=None, confidence=0.1, how="unknown"),
    timeline=(TimelinePoint(start_s=0.0, end_s=9.0, rating=40.0, attention=1.0),),
    strongest=(),
    weakest=(Passage(start_s=0.0, end_s=8.0, rating=39.0),),
    diagnosis=(
        Finding(
            family="hesitation",
            extent="some",
            severity=0.4,
            cost=6.0,
            over_time=(0.4,),
            passages=(Stretch(start_s=0.0, end_s=9.0),),
            sentence="Hesitation: some. The playing halts now and then around 0:04.",
        ),
    ),
    comparisons=(),
    rank=Rank(better_than=0, of=0),
    warnings=(Notice(code="short_recording", message="only 9 s were played"),),
)


def test_a_recording_in_the_request_is_read() -> None:
    request = contract.parse(
        {"audio": {"base64": "AAAA"}, "piece": "fur-elise", "references": ["one", "two"], "model": "apr"}
    )
    assert request.audio == contract.InlineAudio(base64="AAAA")
    assert (request.piece, request.references, request.model) == ("fur-elise", ["one", "two"], "apr")


def test_a_recording_in_s3_is_read_and_everything_else_may_be_left_out() -> None:
    request = contract.parse({"audio": {"s3": "s3://bucket/folder/für elise+1.mp3"}})
    assert request.audio == contract.StoredAudio(s3="s3://bucket/folder/für elise+1.mp3")
    assert (request.piece, request.references, request.model) == (None, None, None)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, "^audio is missing; " + EXAMPLE),
        (None, "^the request is not a JSON object; " + EXAMPLE),
        ([{"audio": {"base64": ""}}], "not a JSON object"),
        ({"audio": {}}, "^audio needs exactly one of base64 and s3; " + EXAMPLE),
        ({"audio": {"base64": "", "s3": "s3://a/b"}}, "^audio needs exactly one of base64 and s3; "),
        ({"audio": {"base64": "", "s3": None}}, "^audio needs exactly one of base64 and s3; "),
        ({"audio": "AAAA"}, "^audio needs exactly one of base64 and s3; "),
        ({"audio": {"base64": 3}}, r"^audio\.base64: Input should be a valid string; " + EXAMPLE),
        ({"audio": {"base64": "", "format": "mp3"}}, r"^audio\.format is not known, the fields are base64 or s3; "),
        ({"audio": {"base64": ""}, "key": 1}, "^key is not known, the fields are audio, piece, references, model; "),
        ({"audio": {"base64": ""}, "piece": ""}, "^piece: String should have at least 1 character"),
        ({"audio": {"base64": ""}, "piece": "x" * 101}, "^piece: String should have at most 100 characters"),
        ({"audio": {"base64": ""}, "references": "all"}, "^references: Input should be a valid list"),
        ({"audio": {"base64": ""}, "references": ["ok", 1]}, r"^references\.1: Input should be a valid string"),
    ],
)
def test_a_wrong_request_is_told_with_what_to_send(event: object, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        contract.parse(event)


@pytest.mark.parametrize(
    "uri", ["", "bucket/key", "https://bucket/key", "s3://", "s3://bucket", "s3://bucket/", "s3:///key"]
)
def test_only_s3_locations_are_taken(uri: str) -> None:
    with pytest.raises(RequestError, match=r"^audio\.s3 must be s3://bucket/key"):
        contract.parse({"audio": {"s3": uri}})


def test_a_key_is_measured_in_bytes() -> None:
    assert contract.parse({"audio": {"s3": "s3://bucket/" + "é" * 512}})
    with pytest.raises(RequestError, match="key of 1 to 1024 bytes"):
        contract.parse({"audio": {"s3": "s3://bucket/" + "é" * 513}})


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(RequestError, match="^audio is missing; piece: .*; colour is not known, .*; " + EXAMPLE):
        contract.parse({"colour": 1, "piece": 2})


def test_a_name_that_is_no_valid_text_is_told_in_ascii_and_in_part() -> None:
    with pytest.raises(RequestError) as refused:
        contract.parse({"audio": {"base64": ""}, "é" * 10_000: 1})
    assert "é" not in str(refused.value)
    assert len(str(refused.value)) < 300


def test_a_name_that_is_no_text_at_all_is_told_to_be_one() -> None:
    with pytest.raises(RequestError, match=r"^the name of a field: "):
        contract.parse({"audio": {"base64": ""}, "\ud800": 1})


def test_base64_may_be_broken_into_lines() -> None:
    recording = bytes(range(256)) * 3
    assert contract.audio_bytes(base64.encodebytes(recording).decode()) == recording


@pytest.mark.parametrize("text", ["A", "AAA", "AA-_", "AAAA=AAAA", "data:audio/mpeg;base64,AAAA", "é"])
def test_what_is_not_base64_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match=r"^the recording is not base64; send the bytes of the file"):
        contract.audio_bytes(text)


def test_a_body_over_the_limit_is_sent_by_way_of_s3() -> None:
    assert contract.audio_bytes("A" * contract.MAX_BODY_BYTES)
    with pytest.raises(RequestTooLarge, match="over 6 MB; send larger recordings by way of S3"):
        contract.audio_bytes("A" * (contract.MAX_BODY_BYTES + 1))


def test_an_assessment_is_answered_field_by_field_as_plain_json() -> None:
    answer = contract.answer(ASSESSMENT)
    assert answer == json.loads(json.dumps(dataclasses.asdict(ASSESSMENT)))
    assert list(answer) == [field.name for field in dataclasses.fields(Assessment)]
    assert type(answer["score"]) is float


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_the_models_fault(value: float) -> None:
    with pytest.raises(ModelContractError, match="no finite number"):
        contract.answer(dataclasses.replace(ASSESSMENT, score=value))


def test_an_error_is_answered_with_its_code_and_the_request() -> None:
    assert contract.error_answer(RecordingTooShort("recording is 3.0 s; at least 8.0 s is needed"), "id-1") == {
        "error": {
            "code": "recording_too_short",
            "message": "recording is 3.0 s; at least 8.0 s is needed",
            "request_id": "id-1",
        }
    }
