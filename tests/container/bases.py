"""Base images made on the spot, for machines that reach Debian's mirror but no registry of images.

The Lambda base offers what `Dockerfile.lambda` takes from AWS's: Python with pip, `/var/task`, and the runtime
interface emulator; and it lacks what AWS's lacks, `find` and `xargs`.

Differences: Debian bookworm and its Python 3.11, where AWS's has Amazon Linux 2023 and Python 3.12; that the locked
wheels fit AWS's too, `test_lambda_image.py` asks pip itself.
"""

import hashlib
import importlib.util
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
PACKAGES = ("python3", "python3-pip", "ca-certificates")
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "pkai" / "debian"
# Whatever certificates this machine trusts, its containers trust.
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LAMBDA_BASE = """\
FROM {debian}
RUN rm /usr/bin/find /usr/bin/xargs
COPY aws-lambda-rie /usr/local/bin/aws-lambda-rie
ENV LAMBDA_TASK_ROOT=/var/task
WORKDIR /var/task
"""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One architecture as Debian, Docker, the kernel and the emulator's file name call it."""

    debian: str
    platform: str
    machine: str
    emulator: str


AMD64 = Architecture(debian="amd64", platform="linux/amd64", machine="x86_64", emulator="x86_64")
ARM64 = Architecture(debian="arm64", platform="linux/arm64", machine="aarch64", emulator="arm64")


def lambda_base(architecture: Architecture) -> str:
    """Make the stand-in for `public.ecr.aws/lambda/python`, unless it is there; returns its name."""
    name = f"pkai-test/lambda-python:{architecture.debian}"
    with tempfile.TemporaryDirectory() as folder:
        emulator = shutil.copy(rie(architecture), Path(folder) / "aws-lambda-rie")
        Path(emulator).chmod(0o755)
        recipe = _LAMBDA_BASE.format(debian=debian(architecture))
        (Path(folder) / "Dockerfile").write_text(recipe)
        _run("docker", "build", "--platform", architecture.platform, "--tag", name, folder)
    return name


def debian(architecture: Architecture) -> str:
    """Load Debian with Python and pip, unless it is there; returns the image's name."""
    name = f"pkai-test/debian:{SUITE}-{architecture.debian}"
    if subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False).returncode:
        with tempfile.TemporaryDirectory() as folder:
            image = Path(folder) / "image.tar"
            _write_image(image, _root(architecture), name, architecture)
            _run("docker", "load", "--input", str(image))
    return name


def rie(architecture: Architecture) -> Path:
    """The runtime interface emulator for an architecture; it comes with aws-sam-cli."""
    sam = importlib.util.find_spec("samcli")
    assert sam is not None and sam.origin is not None
    return Path(sam.origin).parent / "local" / "rapid" / f"aws-lambda-rie-{architecture.emulator}"


def _write_image(path: Path, root: Path, name: str, architecture: Architecture) -> None:
    """An image of one layer, as `docker save` would write it; `docker import` marks every one as the host's own."""
    with root.open("rb") as layer:
        diff_id = hashlib.file_digest(layer, "sha256").hexdigest()
    config = {
        "architecture": architecture.debian,
        "os": "linux",
        "config": {"Env": [f"PATH={_PATH}"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    with tarfile.open(path, "w") as archive:
        archive.add(root, "layer.tar")
        for member, content in (("config.json", config), ("manifest.json", manifest)):
            document = json.dumps(content).encode()
            entry = tarfile.TarInfo(member)
            entry.size = len(document)
            archive.addfile(entry, io.BytesIO(document))


def _root(architecture: Architecture) -> Path:
    """The packed file system, from the cache if the same was made before."""
    archive = CACHE / f"{SUITE}-{architecture.debian}-{'+'.join(PACKAGES)}.tar"
    if not archive.is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            root = Path(folder) / "root"
            _debootstrap(root, architecture)
            unfinished = Path(folder) / "root.tar"
            _run("tar", "--create", "--file", str(unfinished), "--directory", str(root), ".")
            unfinished.replace(archive)
    return archive


def _debootstrap(root: Path, architecture: Architecture) -> None:
    """Debian's packages, unpacked and not configured: nothing here needs more, and emulated it would take minutes."""
    arguments = ("--foreign", f"--arch={architecture.debian}", "--variant=minbase", f"--include={','.join(PACKAGES)}")
    _run("debootstrap", *arguments, SUITE, str(root), MIRROR)
    for package in sorted((root / "var/cache/apt/archives").glob("*.deb")):
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as unpacked:
            into = ("--directory", root, "--keep-directory-symlink")
            subprocess.run(["tar", "--extract", *into], stdin=unpacked.stdout, check=True)
    shutil.rmtree(root / "var/cache/apt")
    shutil.rmtree(root / "debootstrap", ignore_errors=True)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
    (root / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
    if CERTIFICATES.is_file():
        (root / "etc/ssl/certs").mkdir(parents=True, exist_ok=True)
        shutil.copy(CERTIFICATES, root / "etc/ssl/certs")


def _run(*command: str) -> None:
    environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
