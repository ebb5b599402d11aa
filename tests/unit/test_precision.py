"""Lower precision is judged by what it costs and what it gains, on the same snippets."""

import numpy as np
import onnxruntime as ort
import pytest
import torch

from pkai.features import FeatureConfig
from training.evaluation import card_tables, precision
from training.fitting import cepstrum
from training.ladder.flaws import FAMILIES
from training.ladder.shards import Shard

# Words of the quantiser about models that were not prepared for it.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def graph() -> bytes:
    """A network of one convolution, small enough to be quantised in a moment."""
    import torch

    class Tiny(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.listen, self.score = torch.nn.Conv1d(96, 8, 5), torch.nn.Linear(8, 1)

        def forward(self, snippets: torch.Tensor) -> torch.Tensor:
            scores: torch.Tensor = self.score(torch.relu(self.listen(snippets.transpose(1, 2))).mean(dim=2))
            return scores.squeeze(1)

    torch.manual_seed(0)
    program = torch.onnx.export(
        Tiny().eval(),
        (torch.randn(2, 400, 96),),
        input_names=["snippets"],
        output_names=["score"],
        dynamic_shapes=({0: torch.export.Dim("K", min=1, max=64)},),
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    return bytes(program.model_proto.SerializeToString())


def shard(rng: np.random.Generator) -> Shard:
    lengths = np.full(6, 500)
    return Shard(
        frames=rng.normal(size=(3000, 96)).astype(np.float16), damage=np.zeros((120, len(FAMILIES)), np.float16),
        places=np.tile(np.linspace(0, 1, 20, dtype=np.float32), 6),
        lengths=lengths, label_lengths=np.full(6, 20), excerpt=np.array([0, 0, 0, 1, 1, 1]),
        pieces=np.array(["a"] * 6), severity=np.linspace(0, 1, 6, dtype=np.float32),
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_every_precision_is_timed_and_ranked_on_the_same_pairs(graph: bytes, rng: np.random.Generator) -> None:
    found = precision.compare(graph, FeatureConfig(), 400, [shard(rng)], n_versions=6)
    assert list(found) == ["float32", "float16", "int8, dynamic", "int8, static"]
    assert all(each.snippet_ms > 0 and each.bytes > 0 for each in found.values())
    assert {each.accuracy.n for each in found.values()} == {6}
    assert not found["float32"].worth_it, "it is what is shipped"
    assert found["float16"].bytes < found["float32"].bytes


def test_a_network_of_cepstra_hears_cepstra(rng: np.random.Generator) -> None:
    drawn = shard(rng)
    config = FeatureConfig(kind="mfcc", n_mfcc=40)
    heard, *_ = precision._kept([drawn], config, 400, 1)[0]
    first = torch.from_numpy(drawn.frames[:400].astype(np.float32))
    assert torch.equal(torch.from_numpy(heard[0]), cepstrum.as_features(first, config))


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_float16_gives_nearly_the_same_scores(graph: bytes, rng: np.random.Generator) -> None:
    heard = rng.normal(size=(3, 400, 96)).astype(np.float32)
    made = precision.variants(graph, heard)
    one, other = (
        ort.InferenceSession(made[kind], providers=["CPUExecutionProvider"]).run(["score"], {"snippets": heard})[0]
        for kind in ("float32", "float16")
    )
    assert 0 < np.abs(one - other).max() < 1e-2


def test_the_card_says_what_was_worth_it() -> None:
    estimate = {"value": 0.9, "low": 0.8, "high": 0.95, "n": 10}
    rows = {
        "float32": {"bytes": 2_000_000, "snippet_ms": 6.0, "accuracy": estimate, "worth_it": False},
        "int8, static": {"bytes": 500_000, "snippet_ms": 9.0, "accuracy": estimate, "worth_it": False},
    }
    told = card_tables.SECTIONS["precision"]({"judges": {"pdr": rows}, "command": "pkai-train precision LADDER"})
    assert "| pdr, float32 | 2.00 | 6.00 | 90.0% (80% to 95%, n=10) | as shipped |" in told
    assert "| pdr, int8, static | 0.50 | 9.00 | 90.0% (80% to 95%, n=10) | no |" in told
