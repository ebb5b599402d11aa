"""The images that container tests run: built once in a session, from this checkout."""

import io
import json
from base64 import b64decode
from collections.abc import Iterator

import pytest

import local_aws
from conftest import ROOT
from container.images import ARCHITECTURES, lambda_image
from events import make_events
from pkai.scorer import Judge
from pkai.settings import Settings


@pytest.fixture(scope="session", params=ARCHITECTURES, ids=lambda architecture: architecture.debian)
def image(request: pytest.FixtureRequest) -> str:
    """The image for each architecture in turn."""
    return lambda_image(request.param)


@pytest.fixture(scope="session")
def expected_score() -> float:
    """What this machine makes of the recording in the events, with the model that is shipped."""
    recording = b64decode(json.loads((ROOT / "events" / "direct_base64.json").read_bytes())["audio"]["base64"])
    return Judge.load(ROOT / "model", Settings().model).assess(io.BytesIO(recording)).score


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """An S3 on loopback that holds the recording that the events name."""
    with local_aws.s3_server() as endpoint:
        recording = make_events.RECORDING.read_bytes()
        local_aws.put(endpoint, bucket=make_events.BUCKET, key=make_events.KEY, body=recording)
        for key in make_events.UPLOAD_KEYS:
            local_aws.put(endpoint, bucket=make_events.UPLOADS_BUCKET, key=key, body=recording)
        local_aws.create_bucket(endpoint, make_events.RESULTS_BUCKET)
        yield endpoint
