"""An S3 server on the loopback interface, with one bucket, for as long as a test needs it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import botocore.config
import botocore.exceptions

BUCKET = "lakes"
SECRET = "not-a-real-secret"  # noqa: S105 - of a server that asks for none


def environment(endpoint: str) -> dict[str, str]:
    """Return what a client reads from its environment."""
    return {
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
    }


@contextmanager
def serving() -> Iterator[str]:
    """Yield the address of a server that has an empty bucket."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("moto_server")
    process = subprocess.Popen(
        [program, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    endpoint = f"http://127.0.0.1:{port}"
    try:
        _make_bucket(endpoint)
        yield endpoint
    finally:
        process.terminate()
        process.wait(20)


def _make_bucket(endpoint: str) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="somebody",
        aws_secret_access_key=SECRET,
        config=botocore.config.Config(retries={"max_attempts": 0}),
    )
    give_up = time.monotonic() + 60
    while True:
        try:
            client.create_bucket(Bucket=BUCKET)
        except botocore.exceptions.EndpointConnectionError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.1)
        else:
            client.close()
            return
