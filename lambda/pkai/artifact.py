"""Read and verify a model folder: `manifest.json` beside the ONNX file that it describes."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pkai.calibration import Calibration
from pkai.diagnosis import FAMILIES, FamilyScale
from pkai.errors import ModelContractError, ModelIntegrityError
from pkai.features import FeatureConfig
from pkai.segments import SegmentConfig

SCHEMA_VERSION = 4
GRAPH_FILE = "model.onnx"
EXPLANATION_FILE = "explain.onnx"
INPUT_NAME = "snippets"
OUTPUT_NAMES = ("score", "attention", "flaws")
EXPLANATION_OUTPUT = "saliency"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """All that inference needs to know about a model, verified.

    Attributes
    ----------
    name, version : of the weights
    sha256 : of the ONNX file
    features, segments, calibration : what the network was trained with and fitted to
    families : of flaws, in the order of the output `flaws`
    diagnosis : what that output means, for each of `families`
    metrics : held-out figures, each with how it was obtained; for people, not read by code
    explanation_sha256 : of the graph that explains a rating; none if the model came without
    """

    name: str
    version: str
    sha256: str
    features: FeatureConfig
    segments: SegmentConfig
    calibration: Calibration
    families: tuple[str, ...]
    diagnosis: tuple[FamilyScale, ...]
    metrics: dict[str, Any]
    explanation_sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class ModelFiles:
    """A verified model: its folder, its manifest and the bytes of its ONNX graph."""

    folder: Path
    manifest: Manifest
    onnx: bytes


def load(folder: Path) -> ModelFiles:
    """Read `folder` and hold the ONNX file against its manifest.

    Parameters
    ----------
    folder : holding `manifest.json` and the file that it names

    Raises
    ------
    ModelContractError
        If a file is missing, or the manifest is of another schema or has other fields.
    ModelIntegrityError
        If the hash of the ONNX file is not the manifest's.
    """
    try:
        raw = json.loads((folder / "manifest.json").read_bytes())
        manifest = _parse(raw)
        onnx = (folder / GRAPH_FILE).read_bytes()
    except OSError as err:
        raise ModelContractError(
            f"model folder {folder} lacks {Path(err.filename or '').name}; set PKAI_MODEL_DIR to the models' folder"
        ) from err
    except (AttributeError, KeyError, TypeError, ValueError) as err:
        raise ModelContractError(
            f"{folder / 'manifest.json'} is not a manifest of schema {SCHEMA_VERSION}: {err}"
        ) from err
    _refuse_changed(GRAPH_FILE, onnx, manifest.sha256)
    return ModelFiles(folder=folder, manifest=manifest, onnx=onnx)


def verified_explanation(folder: Path, manifest: Manifest) -> Path:
    """Where the graph lies that explains a rating, held against the manifest; the weights are those of the model.

    Raises
    ------
    ModelContractError
        If the model came without one.
    ModelIntegrityError
        If its hash is not the manifest's.
    """
    path = folder / EXPLANATION_FILE
    if manifest.explanation_sha256 is None or not path.is_file():
        raise ModelContractError(f"{manifest.name} {manifest.version} came without {EXPLANATION_FILE}: export it anew")
    _refuse_changed(EXPLANATION_FILE, path.read_bytes(), manifest.explanation_sha256)
    return path


def _refuse_changed(name: str, content: bytes, sha256: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ModelIntegrityError(
            f"{name} has sha256 {found[:12]}…; its manifest says {sha256[:12]}…: fetch the model again"
        )


def _parse(raw: dict[str, Any]) -> Manifest:
    if raw["schema"] != SCHEMA_VERSION:
        raise ValueError(f"schema is {raw['schema']}")
    if set(raw["inputs"]) != {INPUT_NAME} or set(raw["outputs"]) != set(OUTPUT_NAMES):
        raise ValueError(f"inputs and outputs must be {INPUT_NAME} and {', '.join(OUTPUT_NAMES)}")
    if raw["file"] != GRAPH_FILE:
        raise ValueError(f"file is {raw['file']!r}; it must be {GRAPH_FILE}, beside the manifest")
    families = tuple(raw["families"])
    if (
        set(families) - set(FAMILIES)
        or len(set(families)) != len(families)
        or raw["outputs"]["flaws"][1] != len(families)
    ):
        raise ValueError(f"families are {families}; each output row must be another of {', '.join(FAMILIES)}")
    return Manifest(
        name=raw["name"],
        version=raw["version"],
        sha256=raw["sha256"],
        features=FeatureConfig(**raw["features"]),
        segments=SegmentConfig(**raw["segments"]),
        calibration=Calibration(**_with_tuples(raw["calibration"])),
        families=families,
        diagnosis=tuple(FamilyScale(**_with_tuples(raw["diagnosis"][family])) for family in families),
        metrics=raw["metrics"],
        explanation_sha256=raw["explanation"]["sha256"] if "explanation" in raw else None,
    )


def _with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
