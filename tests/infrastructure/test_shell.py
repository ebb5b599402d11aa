"""Every shell script passes shellcheck, and `deploy.sh` explains itself without tools or credentials."""

import shutil
import subprocess

from conftest import ROOT, need

SCRIPTS = ("deploy.sh", "lambda/bootstrap", ".ci/run", "requirements/lock.sh")


def test_shellcheck_finds_nothing() -> None:
    need(shutil.which("shellcheck") is not None, "shellcheck")
    done = subprocess.run(["shellcheck", *SCRIPTS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_dry_run_without_credentials_explains_the_whole_deployment() -> None:
    done = _deploy("--dry-run", "Authorization=OPEN")
    assert done.returncode == 0, done.stderr
    steps = [
        "a region: set AWS_REGION",
        "--template-file infra/ecr.yaml",
        "docker login",
        "--platform linux/arm64",
        "docker push",
        "--template-file template.yaml",
        "ImageUri=",
        "Authorization=OPEN",
        "lambda invoke",
        "nothing was changed",
    ]
    places = [done.stderr.find(step) for step in steps]
    assert -1 not in places, dict(zip(steps, places, strict=True))
    assert places == sorted(places)


def test_without_credentials_nothing_is_deployed() -> None:
    done = _deploy()
    assert done.returncode == 1
    assert "missing:" in done.stderr
    assert "docker push" not in done.stderr


def test_an_argument_that_is_not_understood_ends_it() -> None:
    done = _deploy("--drty-run")
    assert done.returncode == 2
    assert "--drty-run is not understood" in done.stderr


def test_a_name_that_no_bucket_could_have_ends_it() -> None:
    done = _deploy("--dry-run", "--stack", "PKAI")
    assert done.returncode == 2
    assert "lower case" in done.stderr


def _deploy(*arguments: str) -> subprocess.CompletedProcess[str]:
    bare = {"PATH": "/usr/local/bin:/usr/bin:/bin", "AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"}
    return subprocess.run(
        [ROOT / "deploy.sh", *arguments], env=bare, capture_output=True, text=True, check=False, timeout=120
    )
