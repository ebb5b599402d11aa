"""The environment, read once into values that are known to be sound.

A plain dataclass and not pydantic: the command line reads these settings too, and should not wait for its import.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Beside `lambda/` in a checkout; the image and an installed package say where theirs is with PKAI_MODEL_DIR.
DEFAULT_MODEL_ROOT = Path(__file__).resolve().parents[2] / "model"
DEFAULT_MODEL = "apr"
# What Lambda calls one: it shows two cores even to a function that has a share of one.
MEMORY_MB_PER_VCPU = 1769

_MODEL_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How this installation of P-KAI is set up.

    Attributes
    ----------
    model_root : folder of the models and the references, from PKAI_MODEL_DIR
    model : name of the model that judges when a request names none, from PKAI_MODEL
    buckets : the only S3 buckets that a request may name, from PKAI_BUCKETS, separated by commas
    uploads_bucket : that presigned forms upload to, from PKAI_UPLOADS_BUCKET; may be read as well
    results_bucket : that answers to uploads are written to, from PKAI_RESULTS_BUCKET
    references : where they are, `s3://bucket/key` or a file, from PKAI_REFERENCES; None takes the model folder's
    n_threads : of the network, from PKAI_THREADS; 0 takes every core, on Lambda every vCPU that its memory buys
    in_lambda : whether the Lambda runtime, or its emulator, runs this process
    region : of AWS, where Lambda tells it with AWS_REGION
    """

    model_root: Path = DEFAULT_MODEL_ROOT
    model: str = DEFAULT_MODEL
    buckets: tuple[str, ...] = ()
    uploads_bucket: str | None = None
    results_bucket: str | None = None
    references: str | None = None
    n_threads: int = 0
    in_lambda: bool = False
    region: str | None = None

    def __post_init__(self) -> None:
        if not _MODEL_NAME.fullmatch(self.model):
            raise ValueError(f"PKAI_MODEL is {self.model!r}; it must be the name of a model folder, such as apr")
        for bucket in self.buckets:
            if not _BUCKET_NAME.fullmatch(bucket):
                raise ValueError(f"PKAI_BUCKETS holds {bucket!r}; it must be names of S3 buckets, separated by commas")
        for variable, own in (
            ("PKAI_UPLOADS_BUCKET", self.uploads_bucket),
            ("PKAI_RESULTS_BUCKET", self.results_bucket),
        ):
            if own is not None and not _BUCKET_NAME.fullmatch(own):
                raise ValueError(f"{variable} is {own!r}; it must be the name of an S3 bucket")
        if self.references is not None and not is_place_of_references(self.references):
            raise ValueError(f"PKAI_REFERENCES is {self.references!r}; it must be s3://bucket/key, or a .json file")
        if self.n_threads < 0:
            raise ValueError(f"PKAI_THREADS is {self.n_threads}; it must be 0 (every core) or more")

    @property
    def readable_buckets(self) -> tuple[str, ...]:
        """Every bucket that a recording may be read from."""
        return (*self.buckets, *([self.uploads_bucket] if self.uploads_bucket else []))

    @property
    def upload_origin(self) -> str | None:
        """Where presigned forms are sent to; None where that is this service itself, as it is outside of AWS."""
        return f"https://{self.uploads_bucket}.s3.{self.region}.amazonaws.com" if self.region else None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings from the environment; what is not set takes its default.

        Raises
        ------
        ValueError
            If a variable is set to something that cannot be right; the message names the variable.
        """
        return cls(
            model_root=_folder(environ, "PKAI_MODEL_DIR"),
            model=environ.get("PKAI_MODEL", DEFAULT_MODEL),
            buckets=_names(environ.get("PKAI_BUCKETS", "")),
            uploads_bucket=environ.get("PKAI_UPLOADS_BUCKET") or None,
            results_bucket=environ.get("PKAI_RESULTS_BUCKET") or None,
            references=environ.get("PKAI_REFERENCES") or None,
            n_threads=_whole_number(environ, "PKAI_THREADS") or _vcpus(environ),
            in_lambda="AWS_LAMBDA_RUNTIME_API" in environ,
            region=environ.get("AWS_REGION") if "AWS_LAMBDA_RUNTIME_API" in environ else None,
        )


def is_place_of_references(text: str) -> bool:
    """Whether a text is `s3://bucket/key` with a sound name of a bucket, or the path of a JSON file."""
    if not text.startswith("s3://"):
        return text.endswith(".json")
    bucket, _, key = text.removeprefix("s3://").partition("/")
    return bool(key) and _BUCKET_NAME.fullmatch(bucket) is not None


def colour_is_welcome(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a terminal may be written to in colour: not if NO_COLOR is set (no-color.org) or the terminal is dumb."""
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def is_sampled(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether Lambda traces this invocation: it says so anew in the environment for each."""
    return "Sampled=1" in environ.get("_X_AMZN_TRACE_ID", "")


def _folder(environ: Mapping[str, str], variable: str) -> Path:
    text = environ.get(variable)
    if text == "":
        raise ValueError(f"{variable} is empty; unset it or give the folder that holds the models")
    return DEFAULT_MODEL_ROOT if text is None else Path(text)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",")) if text.strip() else ()


def _whole_number(environ: Mapping[str, str], variable: str) -> int:
    text = environ.get(variable, "0")
    if not text.isdecimal():
        raise ValueError(f"{variable} is {text!r}; it must be a whole number, 0 or more")
    return int(text)


def _vcpus(environ: Mapping[str, str]) -> int:
    """Whole vCPUs of a Lambda function, at least one; elsewhere 0."""
    memory_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    return 0 if memory_mb is None else max(1, int(memory_mb) // MEMORY_MB_PER_VCPU)
