"""The environment is read strictly, and a wrong value is named with what would be right."""

from pathlib import Path

import pytest

from pkai.settings import DEFAULT_MODEL_ROOT, Settings


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_env({}) == Settings(model_root=DEFAULT_MODEL_ROOT, model="apr", buckets=(), n_threads=0)


def test_the_default_model_folder_is_the_one_of_the_checkout() -> None:
    assert Path(__file__).resolve().parents[2] / "model" == DEFAULT_MODEL_ROOT


def test_every_variable_is_read() -> None:
    settings = Settings.from_env(
        {"PKAI_MODEL_DIR": "elsewhere", "PKAI_MODEL": "apr", "PKAI_BUCKETS": "first, second.eu", "PKAI_THREADS": "2"}
    )
    assert settings == Settings(model_root=Path("elsewhere"), model="apr", buckets=("first", "second.eu"), n_threads=2)


def test_the_buckets_of_uploads_and_results_are_read_and_uploads_may_be_read_from() -> None:
    settings = Settings.from_env(
        {"PKAI_BUCKETS": "first", "PKAI_UPLOADS_BUCKET": "uploads", "PKAI_RESULTS_BUCKET": "results"}
    )
    assert (settings.uploads_bucket, settings.results_bucket) == ("uploads", "results")
    assert settings.readable_buckets == ("first", "uploads")


def test_the_lambda_runtime_is_recognised() -> None:
    assert Settings.from_env({"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"}).in_lambda


@pytest.mark.parametrize(("memory_mb", "n_threads"), [("885", 1), ("1769", 1), ("3537", 1), ("3538", 2)])
def test_on_lambda_the_network_has_as_many_threads_as_the_memory_buys_vcpus(memory_mb: str, n_threads: int) -> None:
    assert Settings.from_env({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory_mb}).n_threads == n_threads
    told = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory_mb, "PKAI_THREADS": "3"}
    assert Settings.from_env(told).n_threads == 3


@pytest.mark.parametrize("text", ["", "  "])
def test_no_buckets_are_no_buckets(text: str) -> None:
    assert Settings.from_env({"PKAI_BUCKETS": text}).buckets == ()


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PKAI_MODEL_DIR", "", "PKAI_MODEL_DIR is empty; unset it"),
        ("PKAI_MODEL", "", "PKAI_MODEL is ''; it must be the name of a model folder"),
        ("PKAI_MODEL", "../secret", "PKAI_MODEL is '../secret'"),
        ("PKAI_BUCKETS", "fine,,too", "PKAI_BUCKETS holds ''"),
        ("PKAI_BUCKETS", "s3://uploads", "PKAI_BUCKETS holds 's3://uploads'; it must be names of S3 buckets"),
        ("PKAI_UPLOADS_BUCKET", "s3://uploads", "PKAI_UPLOADS_BUCKET is 's3://uploads'; it must be the name"),
        ("PKAI_RESULTS_BUCKET", "x", "PKAI_RESULTS_BUCKET is 'x'; it must be the name"),
        ("PKAI_THREADS", "two", "PKAI_THREADS is 'two'; it must be a whole number"),
        ("PKAI_THREADS", "-1", "PKAI_THREADS is '-1'"),
        ("PKAI_THREADS", "1.5", "PKAI_THREADS is '1.5'"),
    ],
)
def test_a_wrong_value_is_refused_by_name(variable: str, value: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        Settings.from_env({variable: value})
