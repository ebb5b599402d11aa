"""What a model's told flaws mean can be fitted anew: nothing that scores changes."""

import json
from pathlib import Path
from typing import Any

import pytest

import made_shards
import tiny_model
from pkai import artifact
from pkai.segments import SegmentConfig
from training.__main__ import main

# One in either half of the ladder's unseen pieces: scales are fitted to the one and measured on the other.
PIECES = ("a", "d")

# Of a family of which nothing is told, the correlation is not defined.
pytestmark = pytest.mark.filterwarnings("ignore:An input array is constant")


def manifest(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "pdr" / "manifest.json").read_bytes())
    return found


def test_scales_and_version_are_new_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tiny_model.write(tmp_path / "model", segments=SegmentConfig(snippet_s=1.0, hop_s=0.5))
    shards = made_shards.write(tmp_path, parts=("validation", "apart-validation"), pieces=PIECES)
    before, graph = manifest(root), (root / "pdr" / "model.onnx").read_bytes()
    options = ["--name", "pdr", "--model-dir", str(root), "--ladder", str(shards)]
    assert main(["scale-flaws", *options, "--version", "0.0.1"]) == 0
    told = json.loads(capsys.readouterr().out)
    after = manifest(root)
    assert (root / "pdr" / "model.onnx").read_bytes() == graph
    assert artifact.load(root / "pdr").manifest.version == "0.0.1"
    assert json.dumps(after["metrics"]["diagnosis"]) == json.dumps(told) and told["n"] == 3
    # The tiny model tells nothing of the first family, and more of the others the more was planted.
    _, *others = before["families"]
    assert {family: round(told["spearman"][family], 6) for family in others} == dict.fromkeys(others, 1.0)
    first = after["diagnosis"][before["families"][0]]
    assert len(set(first["severity_knots"])) == 1
    origin = {"name": "pdr", "version": "0.0.0", "sha256": before["sha256"]}
    assert after["training"]["flaws_scaled_anew"] == origin
    assert list(after["diagnosis"]) == list(after["families"]) == list(before["families"])
    assert after["diagnosis"] != before["diagnosis"]
    changed = {"version", "diagnosis", "metrics", "training"}
    assert {key: after[key] for key in after.keys() - changed} == {key: before[key] for key in before.keys() - changed}


def test_without_a_ladder_the_model_stays_as_it_was(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = tiny_model.write(tmp_path / "model")
    before = manifest(root)
    options = ["--name", "pdr", "--model-dir", str(root), "--ladder", str(tmp_path)]
    assert main(["scale-flaws", *options, "--version", "1"]) == 1
    assert "holds no ladder.json; build the ladder first" in caplog.text
    assert manifest(root) == before
