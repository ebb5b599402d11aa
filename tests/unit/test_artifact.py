"""A model folder is taken only if its manifest, its hash and its contract agree."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pkai import artifact
from pkai.diagnosis import FAMILIES
from pkai.errors import ModelContractError, ModelIntegrityError
from pkai.features import FeatureConfig
from pkai.scorer import Judge
from pkai.segments import SegmentConfig

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def folder(model_root: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model's folder, to be spoilt."""
    return shutil.copytree(model_root / "pdr", tmp_path / "pdr")


def rewrite(folder: Path, change: Change) -> None:
    """Change the manifest in place."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def test_a_sound_folder_is_read_whole(folder: Path) -> None:
    model = artifact.load(folder)
    assert (model.manifest.name, model.manifest.version) == ("pdr", "0.0.0")
    assert model.manifest.features == FeatureConfig()
    assert model.manifest.segments == SegmentConfig()
    assert model.manifest.calibration.score_knots == (-2.0, 0.0)
    assert model.manifest.families == FAMILIES
    assert model.manifest.diagnosis[0].some_from == 1.0
    assert model.onnx == (folder / "model.onnx").read_bytes()


def test_a_changed_onnx_file_is_refused_by_its_hash(folder: Path) -> None:
    with (folder / "model.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelIntegrityError, match=r"model\.onnx has sha256 [0-9a-f]{12}…; its manifest says"):
        artifact.load(folder)


@pytest.mark.parametrize("name", ["manifest.json", "model.onnx"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelContractError, match=f"lacks {name}"):
        artifact.load(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(schema=1),
        lambda m: m.pop("schema"),
        lambda m: m.pop("sha256"),
        lambda m: m.pop("metrics"),
        lambda m: m.update(inputs={"spectrogram": []}),
        lambda m: m["outputs"].pop("attention"),
        lambda m: m["outputs"].pop("flaws"),
        lambda m: m["outputs"].update(flaws=["K", 3, 50]),
        lambda m: m["families"].pop(),
        lambda m: m["families"].__setitem__(0, "posture"),
        lambda m: m["families"].__setitem__(0, m["families"][1]),
        lambda m: m["diagnosis"].pop("pedal"),
        lambda m: m["diagnosis"]["pedal"].update(some_from=9.0),
        lambda m: m["features"].update(n_chroma=12),
        lambda m: m["features"].update(n_mels=-1),
        lambda m: m["segments"].update(hop_s=99.0),
        lambda m: m["calibration"].pop("scale"),
        lambda m: m.update(calibration=None),
        lambda m: m.update(features=[1, 2]),
    ],
)
def test_a_manifest_with_other_fields_is_refused(folder: Path, change: Change) -> None:
    rewrite(folder, change)
    with pytest.raises(ModelContractError, match=r"manifest\.json is not a manifest of schema 4"):
        artifact.load(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"manifest"'])
def test_a_manifest_that_is_no_json_object_is_refused(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)
    with pytest.raises(ModelContractError, match=r"manifest\.json is not a manifest of schema 4"):
        artifact.load(folder)


def test_a_manifest_cannot_name_a_file_outside_its_folder(folder: Path) -> None:
    shutil.copy(folder / "model.onnx", folder.parent / "model.onnx")
    rewrite(folder, lambda m: m.update(file="../model.onnx"))
    with pytest.raises(ModelContractError, match="is not a manifest of schema 4"):
        artifact.load(folder)


def test_a_graph_of_another_shape_than_the_manifest_promises_is_refused(folder: Path) -> None:
    rewrite(folder, lambda m: m["features"].update(n_mels=64))
    with pytest.raises(ModelContractError, match=r"graph takes .*\[400, 96\].* manifest promises .*\[400, 64\]"):
        Judge(artifact.load(folder))


def test_a_graph_that_is_no_onnx_is_refused(folder: Path) -> None:
    noise = b"not a graph"
    (folder / "model.onnx").write_bytes(noise)
    rewrite(folder, lambda m: m.update(sha256=hashlib.sha256(noise).hexdigest()))
    with pytest.raises(ModelContractError, match=r"model\.onnx is no graph that onnxruntime .* can load"):
        Judge(artifact.load(folder))
