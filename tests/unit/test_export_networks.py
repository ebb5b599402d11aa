"""Every network that can be trained can be exported, and answers through onnxruntime as it does in torch."""

import onnxruntime as ort
import pytest
import torch

from pkai.artifact import INPUT_NAME, OUTPUT_NAMES
from pkai.features import FeatureConfig
from pkai.segments import SegmentConfig
from training.ladder.flaws import FAMILIES
from training.model import export
from training.model.export import MeanOfNetworks
from training.networks import pairwise
from training.networks.ranker import NetworkConfig

# Words of torch's exporter and of the libraries below it, none of which we can change.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
CUT = SegmentConfig(snippet_s=1.0, hop_s=0.5)
ORIGINAL = {"base": "resnet18", "channels": (2, 2, 3, 3)}


@pytest.mark.parametrize(
    ("config", "features"),
    [
        (NetworkConfig(kind="apr", base="tiny"), FeatureConfig()),
        (NetworkConfig(kind="pdr", **ORIGINAL), FeatureConfig(kind="mfcc")),  # type: ignore[arg-type]
        (NetworkConfig(kind="apr", **ORIGINAL), FeatureConfig(kind="mfcc", n_mfcc=96)),  # type: ignore[arg-type]
    ],
    ids=["apr", "original pdr", "original apr"],
)
def test_a_network_is_exported_with_its_features(config: NetworkConfig, features: FeatureConfig) -> None:
    torch.manual_seed(5)
    made = pairwise.build(config, len(FAMILIES), features.kind)
    with torch.no_grad():
        made(torch.randn(4, CUT.snippet_frames(features), features.n_features))  # running statistics of its own
    mean = MeanOfNetworks([made.eval()], [0.1], [0.5]).eval()
    graph = export.to_onnx(mean, features, CUT)  # which refuses a graph that answers otherwise
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    heard = torch.randn(7, CUT.snippet_frames(features), features.n_features)
    score, attention, flaws = session.run(OUTPUT_NAMES, {INPUT_NAME: heard.numpy()})
    with torch.no_grad():
        wanted = mean(heard)
    for found, each in zip((score, attention, flaws), wanted, strict=True):
        torch.testing.assert_close(torch.from_numpy(found), each, atol=1e-4, rtol=1e-4)
