"""Weights kept beside the graph: the same networks come back, and nothing else is taken for them."""

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import tiny_model
from pkai import artifact
from pkai.calibration import Calibration
from pkai.diagnosis import FAMILIES, FamilyScale
from pkai.errors import ModelContractError, ModelIntegrityError
from pkai.features import FeatureConfig
from pkai.segments import SegmentConfig
from training.model import export, weights
from training.model.export import MeanOfNetworks
from training.networks import pairwise
from training.networks.pairwise import PairwiseRanker
from training.networks.ranker import NetworkConfig

SMALL = NetworkConfig(channels=(2, 3, 4, 5, 6), hidden=8)
APR = NetworkConfig(kind="apr", base="tiny")
ORIGINAL = NetworkConfig(kind="apr", base="resnet18", channels=(2, 2, 3, 3))
FEATURES, CUT = FeatureConfig(), SegmentConfig()
CALIBRATION = Calibration(
    score_knots=(-1.0, 1.0),
    rating_knots=(0.0, 100.0),
    level_ratings=(20.0, 40.0, 60.0, 80.0),
    scale=1.0,
    tie_band=0.0,
    sigma_rating=0.0,
)
SCALE = FamilyScale(told_knots=(0.0, 1.0), severity_knots=(0.0, 1.7), some_from=0.3, much_from=0.8, cost=0.1)


def mean_of_two() -> MeanOfNetworks:
    torch.manual_seed(4)
    networks = [PairwiseRanker(6, SMALL).eval() for _ in range(2)]
    return MeanOfNetworks(networks, [0.5, -1.0], [2.0, 0.5])


def export_to(folder: Path, mean: MeanOfNetworks) -> None:
    export.write(
        folder,
        tiny_model.write(folder.with_suffix(".tiny")).joinpath("pdr", "model.onnx").read_bytes(),
        weights.pack(mean, SMALL),
        name="pdr",
        version="0.0.1",
        features=FEATURES,
        cut=CUT,
        calibration=CALIBRATION,
        diagnosis=dict.fromkeys(FAMILIES, SCALE),
        metrics={},
        training={},
    )


def test_exported_networks_come_back_as_they_were(tmp_path: Path) -> None:
    mean = mean_of_two()
    export_to(tmp_path, mean)
    again, config = weights.read(tmp_path)
    snippets = torch.randn(3, CUT.snippet_frames(FEATURES), FEATURES.n_features)
    with torch.no_grad():
        for one, other in zip(mean(snippets), again(snippets), strict=True):
            assert torch.equal(one, other)
    assert config == SMALL
    assert not again.training
    assert artifact.load(tmp_path).manifest.name == "pdr", "the service reads past the weights"


@pytest.mark.parametrize("config", [APR, ORIGINAL], ids=["apr", "original"])
def test_every_network_comes_back_as_it_was(config: NetworkConfig, tmp_path: Path) -> None:
    torch.manual_seed(4)
    mean = MeanOfNetworks([pairwise.build(config, 6, "mfcc").eval()], [0.5], [2.0]).eval()
    content = weights.pack(mean, config)
    again, found = weights.read(folder_of(tmp_path, content))
    snippets = torch.randn(2, 50, 40)
    with torch.no_grad():
        for one, other in zip(mean(snippets), again(snippets), strict=True):
            assert torch.equal(one, other)
    assert found == config


def test_weights_from_before_there_was_a_choice_of_networks_are_pdr_on_log_mel(tmp_path: Path) -> None:
    mean = mean_of_two()
    content = weights.pack(mean, SMALL)
    with np.load(io.BytesIO(content)) as archive:
        arrays = dict(archive)
    about = json.loads(str(arrays["about"]))
    about["network"] = {"channels": [2, 3, 4, 5, 6], "hidden": 8, "dropout": 0.3}
    del about["features"]
    old = io.BytesIO()
    np.savez(old, allow_pickle=False, **{**arrays, "about": np.array(json.dumps(about))})
    again, config = weights.read(folder_of(tmp_path, old.getvalue()))
    assert config == SMALL and config.kind == "pdr"
    snippets = torch.randn(2, 50, 96)
    with torch.no_grad():
        assert torch.equal(mean(snippets)[0], again(snippets)[0])


def folder_of(folder: Path, content: bytes) -> Path:
    """A model folder with no graph."""
    (folder / "weights.npz").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps({"weights": {"sha256": sha256}}))
    return folder


def test_the_same_networks_are_packed_to_the_same_bytes() -> None:
    assert weights.pack(mean_of_two(), SMALL) == weights.pack(mean_of_two(), SMALL)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    export_to(tmp_path, mean_of_two())
    content = bytearray((tmp_path / "weights.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "weights.npz").write_bytes(content)
    with pytest.raises(ModelIntegrityError, match="fetch the model again"):
        weights.read(tmp_path)


def test_a_model_without_weights_is_refused(tmp_path: Path) -> None:
    export_to(tmp_path, mean_of_two())
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    del manifest["weights"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelContractError, match=r"holds no weights\.npz"):
        weights.read(tmp_path)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    mean = mean_of_two()
    export_to(tmp_path, mean)
    other = weights.pack(mean, NetworkConfig(channels=(2, 3, 4, 5, 6), hidden=9))
    (tmp_path / "weights.npz").write_bytes(other)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["weights"]["sha256"] = hashlib.sha256(other).hexdigest()
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelContractError, match="another network"):
        weights.read(tmp_path)
