"""What is exported is what was trained: the graph answers as torch does, and the service reads the folder."""

import dataclasses
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch import Tensor, nn

import piano_tone
from made_networks import settled
from pkai import segments
from pkai.artifact import INPUT_NAME, OUTPUT_NAMES
from pkai.calibration import Calibration
from pkai.diagnosis import FamilyScale
from pkai.features import FeatureConfig
from pkai.scorer import Judge
from pkai.segments import SegmentConfig
from training.ladder.flaws import FAMILIES
from training.model import export
from training.model.export import TOLERANCE, MeanOfNetworks
from training.networks.pairwise import PairwiseRanker
from training.networks.ranker import NetworkConfig, Ranker
from training.people.playback import wav_bytes

FEATURES, CUT = FeatureConfig(), SegmentConfig()
# Words of torch's exporter and of the libraries below it, none of which we can change.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
CALIBRATION = Calibration(
    score_knots=(-2.0, 2.0),
    rating_knots=(0.0, 100.0),
    level_ratings=(20.0, 40.0, 60.0, 80.0),
    scale=0.5,
    tie_band=0.1,
    sigma_rating=6.0,
)
DIAGNOSIS = {
    family: FamilyScale(told_knots=(0.0, 1.0), severity_knots=(0.0, 1.7), some_from=0.3, much_from=0.8, cost=0.1)
    for family in FAMILIES
}
WEIGHTS = b"made-up weights"


def tiny(seed: int) -> Ranker:
    torch.manual_seed(seed)
    return settled(PairwiseRanker(len(FAMILIES), NetworkConfig(channels=(4, 4, 4, 4, 4), hidden=8)))


@pytest.fixture(scope="module")
def network() -> MeanOfNetworks:
    return MeanOfNetworks([tiny(1), tiny(2)], [0.1, -0.2], [0.5, 2.0]).eval()


@pytest.fixture(scope="module")
def graph(network: MeanOfNetworks) -> bytes:
    return export.to_onnx(network, FEATURES, CUT)


def write(folder: Path, graph: bytes) -> str:
    return export.write(
        folder,
        graph,
        WEIGHTS,
        name="pdr",
        version="0.0.1",
        features=FEATURES,
        cut=CUT,
        calibration=CALIBRATION,
        diagnosis=DIAGNOSIS,
        metrics={"agreement": 0.5},
        training={"seeds": [1, 2]},
    )


@pytest.mark.parametrize("n_snippets", [1, 2, 7])
def test_the_graph_answers_as_torch_does_for_any_number_of_snippets(
    network: MeanOfNetworks, graph: bytes, n_snippets: int
) -> None:
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    heard = torch.randn(n_snippets, CUT.snippet_frames(FEATURES), FEATURES.n_features)
    with torch.no_grad():
        wanted = network(heard)
    found = session.run(OUTPUT_NAMES, {INPUT_NAME: heard.numpy()})
    for one, other in zip(wanted, found, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(other, one.numpy(), rtol=0, atol=TOLERANCE)


def test_the_service_reads_the_folder_and_gives_torchs_scores(
    network: MeanOfNetworks, graph: bytes, tmp_path: Path
) -> None:
    write(tmp_path / "pdr", graph)
    (tmp_path / "references").mkdir()
    (tmp_path / "references" / "references.json").write_text("[]", encoding="utf-8")
    sound = piano_tone.notes(15.0, FEATURES.sample_rate)
    hearing = Judge.load(tmp_path, "pdr", n_threads=1).hear(io.BytesIO(wav_bytes(sound, FEATURES.sample_rate)))
    cut = segments.cut(hearing.features, hearing.starts, hearing.snippet_frames)
    with torch.no_grad():
        wanted = network(torch.from_numpy(cut.copy()))[0].numpy()
    np.testing.assert_allclose(hearing.snippet_scores, wanted, rtol=0, atol=TOLERANCE)
    assert hearing.snippet_scores.min() - 1e-9 <= hearing.score <= hearing.snippet_scores.max() + 1e-9


def test_the_manifest_says_what_the_graph_is(graph: bytes, tmp_path: Path) -> None:
    sha256 = write(tmp_path / "pdr", graph)
    manifest = json.loads((tmp_path / "pdr" / "manifest.json").read_bytes())
    assert (tmp_path / "pdr" / "model.onnx").read_bytes() == graph
    assert manifest["sha256"] == sha256 == hashlib.sha256(graph).hexdigest()
    assert manifest["weights"] == {"file": export.WEIGHTS_FILE, "sha256": hashlib.sha256(WEIGHTS).hexdigest()}
    assert manifest["inputs"] == {INPUT_NAME: ["K", CUT.snippet_frames(FEATURES), FEATURES.n_features]}
    assert set(manifest["outputs"]) == set(OUTPUT_NAMES)
    assert manifest["outputs"]["score"] == ["K"] and manifest["outputs"]["attention"][0] == "K"
    assert manifest["outputs"]["flaws"][:2] == ["K", len(FAMILIES)]
    assert manifest["families"] == list(FAMILIES) == list(manifest["diagnosis"])
    assert manifest["features"] == dataclasses.asdict(FEATURES)
    assert manifest["segments"] == dataclasses.asdict(CUT)
    assert manifest["opset"] == export.OPSET
    assert manifest["training"] == {"seeds": [1, 2]} and manifest["metrics"] == {"agreement": 0.5}
    assert sorted(path.name for path in (tmp_path / "pdr").iterdir()) == [
        "manifest.json",
        "model.onnx",
        export.WEIGHTS_FILE,
    ]


def test_several_networks_are_standardised_and_averaged() -> None:
    heard = torch.randn(3, 100, FEATURES.n_features)
    first, second = tiny(1), tiny(2)
    with torch.no_grad():
        score, attention, flaws = MeanOfNetworks([first, second], [0.5, -1.0], [2.0, 0.1]).eval()(heard)
        (one, one_attention, one_flaws), (two, two_attention, two_flaws) = first(heard), second(heard)
    torch.testing.assert_close(score, ((one - 0.5) / 2.0 + (two + 1.0) / 0.1) / 2)
    torch.testing.assert_close(attention, (one_attention + two_attention) / 2)
    torch.testing.assert_close(attention.sum(dim=1), torch.ones(3))
    torch.testing.assert_close(flaws, (one_flaws + two_flaws) / 2)


class Shifted(nn.Module):
    """A network that is not the one that was exported."""

    def __init__(self, network: nn.Module, shift: float) -> None:
        super().__init__()
        self.network, self.shift = network, shift

    def forward(self, snippets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same attention and flaws, other scores."""
        score, attention, flaws = self.network(snippets)
        return score + self.shift, attention, flaws


def test_a_graph_that_answers_otherwise_is_refused_with_the_difference(network: MeanOfNetworks, graph: bytes) -> None:
    heard = torch.randn(3, CUT.snippet_frames(FEATURES), FEATURES.n_features)
    export._refuse_different(Shifted(network, 1e-5), graph, heard)
    with pytest.raises(ValueError, match=r"ONNX differs from torch in score by 0\.01; at most 0\.0001 is allowed"):
        export._refuse_different(Shifted(network, 0.01), graph, heard)


def test_the_graph_tells_nothing_of_the_machine_that_made_it(graph: bytes) -> None:
    assert str(Path(export.__file__).parent).encode() not in graph
    assert b".py" not in graph
