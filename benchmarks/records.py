"""What was measured: a JSON file for each part in `benchmarks/results/`, with machine, versions and model."""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.processes import ROOT
from pkai import artifact
from pkai.settings import Settings

FOLDER = ROOT / "benchmarks" / "results"
LIBRARIES = ("numpy", "av", "onnxruntime", "torch", "librosa")

Measured = dict[str, Any]


def write(part: str, measured: Measured, folder: Path = FOLDER) -> Path:
    """Record one part, so that its file holds either the old record or all of the new; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{part}.json"
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    try:
        unfinished.write_text(json.dumps({**_circumstances(), **measured}, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def read(part: str, folder: Path = FOLDER) -> Measured:
    """One part's record.

    Raises
    ------
    FileNotFoundError
        If it was not measured yet.
    """
    recorded: Measured = json.loads((folder / f"{part}.json").read_bytes())
    return recorded


def line(recorded: Measured) -> str:
    """On what something was measured, for people."""
    machine, versions = recorded["machine"], recorded["versions"]
    libraries = ", ".join(f"{name} {versions[name]}" for name in ("python", *LIBRARIES))
    return f"{machine['cores']} cores of {machine['cpu']}, {recorded['model'].upper()}; {libraries}."


def _circumstances() -> Measured:
    settings = Settings.from_env()
    manifest = artifact.load(settings.model_root / settings.model).manifest
    return {
        "schema": 2,
        "machine": {"cpu": _cpu_name(), "cores": len(os.sched_getaffinity(0)), "platform": platform.platform()},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
        "model": f"{manifest.name} {manifest.version}",
    }


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
