"""The graph that explains a score gives torch's own Grad-CAM, shares its weights with the model, and is verified."""

import json
from pathlib import Path
from typing import cast

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch import Tensor

from made_networks import settled
from pkai import artifact
from pkai.artifact import EXPLANATION_FILE, EXPLANATION_OUTPUT, GRAPH_FILE, INPUT_NAME
from pkai.assessment import RecordingFacts
from pkai.calibration import Calibration
from pkai.diagnosis import FAMILIES, FamilyScale
from pkai.errors import ModelContractError, ModelIntegrityError
from pkai.features import FeatureConfig
from pkai.scorer import Judge
from pkai.segments import SegmentConfig
from training.model import export, grad_cam
from training.model.export import TOLERANCE, MeanOfNetworks
from training.model.layout import for_runtime
from training.networks.pairwise import build
from training.networks.ranker import NetworkConfig, Ranker

FEATURES, CUT = FeatureConfig(), SegmentConfig()
# Words of torch's exporter and of the libraries below it, none of which we can change.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
CALIBRATION = Calibration(
    score_knots=(-2.0, 2.0), rating_knots=(0.0, 100.0), level_ratings=(20.0, 40.0, 60.0, 80.0), scale=0.5,
    tie_band=0.1, sigma_rating=6.0,
)  # fmt: skip
SCALE = FamilyScale(told_knots=(0.0, 1.0), severity_knots=(0.0, 1.7), some_from=0.3, much_from=0.8, cost=0.1)


def network(kind: str, seed: int) -> Ranker:
    torch.manual_seed(seed)
    config = NetworkConfig(kind=kind, base="tiny", channels=(4, 4, 6, 6, 24), hidden=16)  # type: ignore[arg-type]
    made = settled(build(config, len(FAMILIES)))
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return made


def by_autograd(made: Ranker, snippets: Tensor) -> Tensor:
    """Grad-CAM as the paper writes it, channel by channel."""
    kept: list[Tensor] = []
    made.trunk.register_forward_hook(lambda _module, _inputs, maps: kept.append(maps))  # type: ignore[union-attr]
    score = made(snippets)[0]
    rows = []
    for k in range(len(snippets)):
        gradient = torch.autograd.grad(score[k], kept[0], retain_graph=True)[0][k]
        total = torch.zeros_like(kept[0][k, 0])
        for channel in range(len(gradient)):
            total += gradient[channel].mean() * kept[0][k, channel]
        rows.append(total.detach())
    return torch.stack(rows)


@pytest.fixture(scope="module", params=["pdr", "apr"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Ranker]]:
    """A model of two networks with its explanation, and the networks."""
    made = [network(request.param, seed) for seed in (1, 2)]
    mean = MeanOfNetworks(made, [0.1, -0.2], [0.5, 2.0]).eval()
    graph = export.to_onnx(mean, FEATURES, CUT)
    out: Path = tmp_path_factory.mktemp("model") / "pdr"
    export.write(
        out, graph, b"weights", name="pdr", version="1", features=FEATURES, cut=CUT, calibration=CALIBRATION,
        diagnosis=dict.fromkeys(FAMILIES, SCALE), metrics={}, training={},
        explanation=grad_cam.to_onnx(mean, graph, FEATURES, CUT),
    )  # fmt: skip
    return out, made


def test_the_graph_gives_torchs_grad_cam_for_any_number_of_snippets(folder: tuple[Path, list[Ranker]]) -> None:
    path, (first, second) = folder
    session = ort.InferenceSession(str(path / EXPLANATION_FILE), providers=["CPUExecutionProvider"])
    for n_snippets in (1, 2, 5):
        heard = torch.randn(n_snippets, CUT.snippet_frames(FEATURES), FEATURES.n_features)
        wanted = ((by_autograd(first, heard) / 0.5 + by_autograd(second, heard) / 2.0) / 2).numpy()
        found = session.run([EXPLANATION_OUTPUT], {INPUT_NAME: heard.numpy()})[0]
        assert found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, rtol=0, atol=TOLERANCE * np.abs(wanted).max())


def test_weights_are_kept_once(folder: tuple[Path, list[Ranker]]) -> None:
    path, made = folder
    explanation = (path / EXPLANATION_FILE).read_bytes()
    laid_out = cast(Ranker, for_runtime(made[0]))
    weight = laid_out.over_time.layers[0].weight.detach().numpy().tobytes()  # type: ignore[union-attr,index]
    assert weight in (path / GRAPH_FILE).read_bytes()
    assert weight not in explanation


def test_the_judge_explains_every_frame_and_band_with_signs(folder: tuple[Path, list[Ranker]]) -> None:
    judge = Judge(artifact.load(folder[0]), n_threads=1)
    played = np.random.default_rng(3).normal(size=(1_111, FEATURES.n_features)).astype(np.float32)
    facts = RecordingFacts(duration_s=22.2, played_from_s=0.0, played_to_s=22.2, codec="", sample_rate=1, channels=1)
    explained = judge.explain(judge.hear_features(played, facts))
    assert explained.heat.shape == (1_111, FEATURES.n_mels) and explained.heat.dtype == np.float32
    assert np.abs(explained.heat).max() == pytest.approx(1.0)
    np.testing.assert_allclose(explained.heat.mean(axis=0), 0.0, atol=1e-5)
    assert explained.over_time.shape == (1_111,)


def test_a_changed_explanation_is_refused_and_a_missing_one_told(
    folder: tuple[Path, list[Ranker]], tmp_path: Path
) -> None:
    path = tmp_path / "pdr"
    path.mkdir()
    for name in (GRAPH_FILE, EXPLANATION_FILE, "manifest.json"):
        (path / name).write_bytes((folder[0] / name).read_bytes())
    with (path / EXPLANATION_FILE).open("ab") as file:
        file.write(b"\0")
    model = artifact.load(path)
    with pytest.raises(ModelIntegrityError, match=r"explain\.onnx has sha256"):
        artifact.verified_explanation(path, model.manifest)
    manifest = json.loads((path / "manifest.json").read_text())
    del manifest["explanation"]
    (path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelContractError, match=r"came without explain\.onnx: export it anew"):
        artifact.verified_explanation(path, artifact.load(path).manifest)
