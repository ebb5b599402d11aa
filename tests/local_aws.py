"""AWS on this machine: an environment without real credentials, and S3 as a real server on loopback."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Final

import boto3.session
from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REGION: Final = "eu-central-1"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def s3_server() -> Iterator[str]:
    """Run moto's server, empty, on a free port; yields its endpoint."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        _empty(host, port)
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def create_bucket(endpoint: str, bucket: str, *, versioned: bool = False) -> None:
    """Create a bucket, unless it is there."""
    with closing(client(endpoint)) as s3:
        with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        if versioned:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def put(endpoint: str, *, bucket: str, key: str, body: bytes) -> None:
    """Put one object into a bucket that is created if need be."""
    create_bucket(endpoint, bucket)
    with closing(client(endpoint)) as s3:
        s3.put_object(Bucket=bucket, Key=key, Body=body)


def client(endpoint: str) -> "S3Client":
    """A client of the server, whatever the environment says."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ENVIRONMENT["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
    )


def _empty(host: str, port: int) -> None:
    with closing(HTTPConnection(host, port)) as connection:  # all servers of a process share one state
        connection.request("POST", "/moto-api/reset")
        connection.getresponse().read()
