"""Traces for AWS X-Ray, by Powertools' Tracer, of those invocations that Lambda samples.

The X-Ray SDK takes as long to import as everything else together. So it is imported when the first sampled
invocation begins, and never where nothing is sampled: outside of Lambda, or without `Tracing: Active`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from pkai.settings import is_sampled

if TYPE_CHECKING:
    from aws_lambda_powertools import Tracer

SERVICE = "pkai"


@contextmanager
def segment(name: str, annotations: Mapping[str, str | bool]) -> Iterator[None]:
    """Trace what is done in the block, and the error that ends it, if this invocation is sampled.

    Parameters
    ----------
    name : of the part of the trace
    annotations : by which traces can be found; nothing of the recording or of who sent it
    """
    if not is_sampled():
        yield
        return
    with _tracer().provider.in_subsegment(name=f"## {name}") as part:
        for key, value in annotations.items():
            part.put_annotation(key=key, value=value)
        yield


def note(key: str, value: str) -> None:
    """Annotate the part of the trace that is being written, if any is."""
    if is_sampled():
        _tracer().put_annotation(key, value)


@lru_cache(maxsize=1)
def _tracer() -> "Tracer":
    from aws_lambda_powertools import Tracer

    return Tracer(service=SERVICE, auto_patch=False)
