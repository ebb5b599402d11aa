"""The handler as a test calls it: with the settings of the moment, and a context like the runtime's."""

from dataclasses import dataclass
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

import handler
from pkai import storage

REQUEST_ID = "00000000-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class Context:
    """What the runtime tells of an invocation."""

    aws_request_id: str = REQUEST_ID
    function_name: str = "pkai"
    memory_limit_in_mb: int = 2048
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:000000000000:function:pkai"


def configure(monkeypatch: pytest.MonkeyPatch, **environment: str) -> None:
    """Set variables, and let the service forget what it had read before."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(handler, "_chosen", None)  # what an earlier `pkai serve` chose
    handler._settings.cache_clear()
    storage._client.cache_clear()


def invoke(event: object) -> dict[str, Any]:
    """Answer an event in this process."""
    answer: dict[str, Any] = handler.handler(event, cast(LambdaContext, Context()))
    return answer
