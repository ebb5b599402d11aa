"""A network laid out for the runtime answers as before, in convolutions that the runtime computes directly."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from made_networks import settled
from pkai import artifact
from pkai.calibration import Calibration
from pkai.diagnosis import FAMILIES, FamilyScale
from pkai.features import FeatureConfig
from pkai.segments import SegmentConfig
from training.__main__ import main
from training.model import export, layout, weights
from training.model.export import MeanOfNetworks
from training.networks.pairwise import build
from training.networks.ranker import NetworkConfig, Ranker

FEATURES, CUT = FeatureConfig(), SegmentConfig()
SIZES = {
    "small": NetworkConfig(base="tiny"),
    "attentive": NetworkConfig(kind="apr", base="tiny"),
    "original": NetworkConfig(base="resnet18", channels=(2, 2, 3, 3)),
    "original, attentive": NetworkConfig(kind="apr", base="resnet18", channels=(2, 2, 3, 3)),
}
# Words of torch's exporter and of the libraries below it, none of which we can change.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


def network(config: NetworkConfig, seed: int = 0) -> Ranker:
    torch.manual_seed(seed)
    return settled(build(config, len(FAMILIES)))


@pytest.mark.parametrize("config", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("n_frames", [25, 200, 401])
def test_no_answer_changes_nor_does_the_network(config: NetworkConfig, n_frames: int) -> None:
    made = network(config)
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    heard = torch.randn(3, n_frames, FEATURES.n_features)
    with torch.no_grad():
        wanted, found = made(heard), layout.for_runtime(made)(heard)
    for one, other in zip(wanted, found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    assert all(torch.equal(before[name], tensor) for name, tensor in made.state_dict().items())


@pytest.mark.parametrize("config", SIZES.values(), ids=SIZES)
def test_no_batch_norm_is_left_and_several_networks_are_laid_out_together(config: NetworkConfig) -> None:
    mean = MeanOfNetworks([network(config, seed) for seed in (0, 1)], [0.1, -0.2], [0.5, 2.0])
    laid_out = layout.for_runtime(mean)
    assert not any(isinstance(module, nn.BatchNorm1d) for module in laid_out.modules())
    in_sequences = [each for block in laid_out.modules() if isinstance(block, nn.Sequential) for each in block]
    assert not any(isinstance(module, nn.BatchNorm2d) for module in in_sequences)
    heard = torch.randn(2, 100, FEATURES.n_features)
    with torch.no_grad():
        for one, other in zip(mean(heard), laid_out(heard), strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["small", "attentive"])
def test_wide_convolutions_have_two_dimensions_with_time_last(kind: str) -> None:
    graph = onnx.load_from_string(export.to_onnx(MeanOfNetworks([network(SIZES[kind])], [0.0], [1.0]), FEATURES, CUT))
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.graph.initializer}
    kernels = [shapes[node.input[1]][2:] for node in graph.graph.node if node.op_type == "Conv"]
    wide = [kernel for kernel in kernels if np.prod(kernel) > 1]
    n_over_time = {"small": 6, "attentive": 8}[kind]
    assert wide.count((3, 3)) == 5
    assert len(wide) == 5 + n_over_time and all(len(kernel) == 2 and kernel[0] in (1, 3) for kernel in wide)
    strides = [
        tuple(attribute.ints)
        for node in graph.graph.node
        if node.op_type == "Conv" and shapes[node.input[1]][2:] == (3, 3)
        for attribute in node.attribute
        if attribute.name == "strides"
    ]
    assert strides == [(2, 2), (2, 2), (2, 1), (2, 2), (2, 1)]  # frequency, time


def model_folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model as an earlier version laid it out, with calibration and figures."""
    mean = MeanOfNetworks([network(SIZES["small"])], [0.25], [0.5])
    with monkeypatch.context() as patch:
        patch.setattr(export, "for_runtime", nn.Module.eval)
        graph = export.to_onnx(mean, FEATURES, CUT)
    calibration = Calibration(
        score_knots=(-2.0, 2.0), rating_knots=(0.0, 100.0), level_ratings=(20.0, 40.0, 60.0, 80.0), scale=0.5,
        tie_band=0.1, sigma_rating=6.0,
    )  # fmt: skip
    scales = {
        family: FamilyScale(
            told_knots=(0.0, 1.0), severity_knots=(0.0, 1.7), some_from=0.3 + row, much_from=0.8 + row, cost=0.1
        )
        for row, family in enumerate(FAMILIES)
    }
    export.write(
        root / "pdr", graph, weights.pack(mean, SIZES["small"]), name="pdr",
        version="1", features=FEATURES, cut=CUT, calibration=calibration, diagnosis=scales, metrics={"figure": 0.5},
        training={"seeds": [0]},
    )  # fmt: skip
    return root / "pdr"


def test_a_model_is_laid_out_anew_with_all_that_was_found_out_about_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = model_folder(tmp_path, monkeypatch)
    before, kept = artifact.load(folder).manifest, (folder / "weights.npz").read_bytes()
    assert main(["lay-out", "--name", "pdr", "--version", "2", "--model-dir", str(tmp_path)]) == 0
    after = artifact.load(folder).manifest
    assert after.version == "2" and after.sha256 != before.sha256
    assert (after.calibration, after.families, after.diagnosis) == (
        before.calibration,
        before.families,
        before.diagnosis,
    )
    assert (folder / "weights.npz").read_bytes() == kept
    told: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    assert told["metrics"] == {"figure": 0.5}
    origin = {"name": "pdr", "version": "1", "sha256": before.sha256}
    assert told["training"] == {"seeds": [0], "laid_out_anew": origin}
    assert (folder / artifact.EXPLANATION_FILE).is_file()


def test_a_model_that_came_without_weights_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = model_folder(tmp_path, monkeypatch)
    (folder / "weights.npz").unlink()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert main(["lay-out", "--name", "pdr", "--version", "2", "--model-dir", str(tmp_path)]) == 1
    assert "holds no weights.npz that its manifest names; export it anew" in caplog.text
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
