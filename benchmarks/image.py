"""What an image weighs, layer by layer, unpacked and compressed as a registry keeps it.

The reference design has no image here: beside ours stand the packages that it imports, with all that these require, as
they lie in this environment (torch's build for CPUs).
"""

import json
import tarfile
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import IO, cast

from packaging.requirements import Requirement

from benchmarks import engine
from benchmarks.records import Measured

REFERENCE_PACKAGES = ("torch", "librosa")
# What a registry's layers are packed with, by `docker push`.
_LEVEL = 6
_CHUNK_BYTES = 1 << 20
# A layer that sets a folder holds nothing.
_LEAST_SHOWN_BYTES = 100_000


def measure(image: str) -> Measured:
    """Weigh every layer of an image that the engine holds."""
    with tempfile.TemporaryDirectory(prefix="pkai-benchmark-") as folder:
        archive = Path(folder) / "image.tar"
        engine.docker("save", "--output", str(archive), image)
        with tarfile.open(archive) as saved:
            layers = list(_layers(saved))
    return {"layers": layers, "reference": _weighed(_files(REFERENCE_PACKAGES))}


def table(recorded: Measured) -> Iterator[str]:
    """Lines of a Markdown table."""
    yield "| layer | unpacked | compressed |"
    yield "|---|---|---|"
    for layer in recorded["layers"]:
        if layer["unpacked_bytes"] > _LEAST_SHOWN_BYTES:
            yield _row(layer["title"], layer)
    own = [layer for layer in recorded["layers"] if not layer["of_base"]]
    total = {key: sum(layer[key] for layer in own) for key in ("unpacked_bytes", "compressed_bytes")}
    yield _row("**all on top of the base**", total)
    yield _row("torch, librosa and what they require, for the reference design", recorded["reference"])


def _row(title: str, weight: Measured) -> str:
    return f"| {title} | {weight['unpacked_bytes'] / 1e6:.0f} MB | {weight['compressed_bytes'] / 1e6:.0f} MB |"


def _layers(saved: tarfile.TarFile) -> Iterator[Measured]:
    """Each layer, the lowest first, named by what the recipe puts into it."""
    (image,) = json.loads(_member(saved, "manifest.json").read())
    for name in image["Layers"]:
        layer = _member(saved, name)
        with tarfile.open(fileobj=layer) as held:
            title = _title(set(held.getnames()))
        layer.seek(0)
        yield {"title": title or "base", "of_base": title is None, **_weighed_stream(_chunks(layer))}


def _title(held: set[str]) -> str | None:
    if "var/task/handler.py" in held:
        return "P-KAI and its models"
    return "packages" if "var/task/onnxruntime" in held else None


def _member(saved: tarfile.TarFile, name: str) -> IO[bytes]:
    return cast(IO[bytes], saved.extractfile(name))


def _files(packages: Iterable[str]) -> Iterator[Path]:
    """Every file of the packages and of what they require here."""
    waiting, seen = list(packages), set[str]()
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:  # of another platform, or CUDA's
            continue
        yield from (path for file in found.files or () if (path := Path(str(file.locate()))).is_file())
        for line in found.requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)


def _weighed(files: Iterable[Path]) -> Measured:
    def chunks() -> Iterator[bytes]:
        for path in files:
            with path.open("rb") as file:
                yield from _chunks(file)

    return _weighed_stream(chunks())


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk


def _weighed_stream(chunks: Iterable[bytes]) -> Measured:
    packer = zlib.compressobj(_LEVEL)
    unpacked = compressed = 0
    for chunk in chunks:
        unpacked += len(chunk)
        compressed += len(packer.compress(chunk))
    return {"unpacked_bytes": unpacked, "compressed_bytes": compressed + len(packer.flush())}
