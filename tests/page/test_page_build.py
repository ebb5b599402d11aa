"""What is committed in lambda/page is what page/ builds to, byte for byte."""

import shutil
import subprocess
from pathlib import Path

from chromium import SOURCES
from pkai import page


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_build_gives_the_page_that_is_committed(node_modules: Path, tmp_path: Path) -> None:
    node = shutil.which("node")
    assert node is not None
    subprocess.run([node, "build.mjs", str(tmp_path / "built")], cwd=SOURCES, check=True, timeout=120)
    assert files(tmp_path / "built") == files(page.FOLDER)


def test_the_sources_are_well_typed(node_modules: Path) -> None:
    subprocess.run([node_modules / ".bin" / "tsc", "--noEmit"], cwd=SOURCES, check=True, timeout=120)
