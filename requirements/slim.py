"""Takes from a folder of installed packages what no assessment imports; for `Dockerfile.lambda`.

Not by `find`, which AWS's base image does not have.
"""

import shutil
import sys
from pathlib import Path

# Of botocore the other services, of onnxruntime the tools that make models, and what is for building upon a package.
_UNUSED = (
    "bin",
    "google",
    "numpy/f2py",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
)
_SERVICES = {"s3", "sts"}
_FOLDERS = {"include", "tests"}
_SUFFIXES = {".a", ".pxd", ".pyi"}


def slim(folder: Path) -> None:
    """Delete it; what is not there is not missed."""
    unused = [folder / name for name in _UNUSED]
    unused += [each for each in (folder / "botocore" / "data").glob("*/") if each.name not in _SERVICES]
    unused += [each for each in folder.rglob("*/") if each.name in _FOLDERS]
    for each in unused:
        shutil.rmtree(each, ignore_errors=True)
    for each in folder.rglob("*"):
        if each.suffix in _SUFFIXES and each.is_file():
            each.unlink()


if __name__ == "__main__":
    slim(Path(sys.argv[1]))
