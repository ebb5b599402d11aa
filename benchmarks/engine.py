"""The Docker engine, asked by its command line."""

import platform
import shutil
import subprocess

# As Docker calls what the kernel calls otherwise.
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def docker(*arguments: str) -> str:
    """What a docker command says on its standard output.

    Raises
    ------
    RuntimeError
        If there is no such command, or it fails; with what it says about that.
    """
    return _run(*arguments).stdout


def logs(container: str) -> str:
    """All that a container wrote."""
    wrote = _run("logs", container)
    return wrote.stdout + wrote.stderr


def holds(image: str) -> bool:
    """Whether an engine answers and has an image of that name, made for this machine: emulated it proves nothing."""
    try:
        architecture = docker("image", "inspect", "--format", "{{.Architecture}}", image).strip()
    except RuntimeError:
        return False
    return architecture == _ARCHITECTURES.get(platform.machine(), platform.machine())


def _run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    program = shutil.which("docker")
    if program is None:
        raise RuntimeError("docker is not installed; leave out what needs it: --only names the other parts")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"docker {arguments[0]} fails: {done.stderr.strip()}")
    return done
