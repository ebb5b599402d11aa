"""The last layer taught anew: what it received makes its score, and the penalty decides how far it moves."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pkai.features import FeatureConfig
from pkai.segments import SegmentConfig
from training.evaluation import consensus
from training.held_out import last_layer
from training.held_out.last_layer import PENALTIES, Received, learn, moved, receive
from training.networks.pairwise import build
from training.networks.ranker import NetworkConfig
from training.people.panel import People
from training.people.rated import RatedPerformance

CUT = SegmentConfig(snippet_s=1.0, hop_s=0.5)


def people(truth: np.ndarray, n_pieces: int = 3) -> People:
    return People.of(
        [
            RatedPerformance(
                id=f"r{i:02}", piece=f"{i % n_pieces}", player=f"{i}", midi=Path("x.mid"), ratings={"peer1": rating}
            )
            for i, rating in enumerate(truth.tolist())
        ],
        "recording",
    )


@pytest.mark.parametrize("kind", ["pdr", "apr"])
def test_moving_the_last_layer_moves_the_score_by_what_it_received(kind: str, rng: np.random.Generator) -> None:
    torch.manual_seed(0)
    network = build(NetworkConfig(kind=kind, base="tiny"), 3).eval()  # type: ignore[arg-type]
    recordings = [rng.normal(-0.5, 0.3, (length, 96)).astype(np.float32) for length in (60, 131, 97)]
    before = receive(network, recordings, FeatureConfig(), CUT)
    scorer = consensus.Scorer(name="x", features=FeatureConfig(), cut=CUT, snippet_scores=consensus.of_network(network))
    np.testing.assert_allclose(before.scores, [scorer.score(each) for each in recordings], atol=1e-5)
    layer = next(module for module in network.modules() if isinstance(module, nn.Linear) and module.out_features == 1)
    with torch.no_grad():
        step = torch.randn_like(layer.weight) * 0.1
        layer.weight += step
    after = receive(network, recordings, FeatureConfig(), CUT)
    change = before.inputs[:, : step.shape[1]] @ step[0].double().numpy()
    np.testing.assert_allclose(after.scores - before.scores, change, atol=1e-4)


def test_a_network_without_such_a_layer_is_refused() -> None:
    with pytest.raises(ValueError, match="Conv2d has no linear layer that ends in one number"):
        receive(nn.Conv2d(1, 1, 3), [], FeatureConfig(), CUT)


def test_an_infinite_penalty_leaves_the_scores_and_a_small_one_learns(rng: np.random.Generator) -> None:
    truth = rng.uniform(1, 5, 45)
    inputs = rng.normal(size=(45, 4))
    inputs[:, 1] = truth + 0.1 * rng.standard_normal(45)
    received = Received(scores=rng.normal(size=45), inputs=inputs)
    judged = people(truth)
    train, held_out = np.arange(30), np.arange(30, 45)
    np.testing.assert_array_equal(moved(received, judged, train, float("inf")), received.scores)
    pairs = judged.pairs(held_out)
    accuracy = [
        float(np.mean(found[pairs[:, 0]] > found[pairs[:, 1]]))
        for found in (moved(received, judged, train, penalty) for penalty in (float("inf"), 1.0, 0.01))
    ]
    assert accuracy[0] < 0.7 < accuracy[1] <= accuracy[2] and accuracy[2] > 0.9
    assert learn(received, judged, train, seed=0).penalty < 10


def test_what_people_said_of_held_out_recordings_changes_nothing(rng: np.random.Generator) -> None:
    truth = rng.uniform(1, 5, 45)
    received = Received(scores=truth + rng.normal(size=45), inputs=rng.normal(size=(45, 4)))
    other = np.concatenate([truth[:30], rng.permutation(truth[30:])])
    first, second = (learn(received, people(said), np.arange(30), seed=1) for said in (truth, other))
    np.testing.assert_array_equal(first.scores, second.scores)
    assert (first.scale, first.tie_band, first.penalty) == (second.scale, second.tie_band, second.penalty)


def test_noise_is_not_learnt_from(rng: np.random.Generator) -> None:
    truth = rng.uniform(1, 5, 45)
    received = Received(scores=truth + 0.3 * rng.normal(size=45), inputs=rng.normal(size=(45, 30)))
    assert learn(received, people(truth), np.arange(30), seed=0).penalty >= 1.0


def test_the_strongest_penalty_within_a_standard_error_is_chosen() -> None:
    losses = {penalty: np.array([0.5, 0.7]) for penalty in PENALTIES}
    assert last_layer._chosen(losses) == PENALTIES[0]
    losses = {penalty: np.array([0.69, 0.71]) for penalty in PENALTIES} | {1.0: np.array([0.59, 0.61])}
    assert last_layer._chosen(losses) == 1.0
    assert last_layer._chosen({penalty: np.array([]) for penalty in PENALTIES}) == PENALTIES[0]


def test_recordings_that_nobody_ordered_teach_nothing() -> None:
    judged = people(np.full(6, 3.0))
    received = Received(scores=np.arange(6.0), inputs=np.ones((6, 2)))
    with pytest.raises(
        ValueError, match="no two of the 6 recordings to learn from are of one piece and clearly differ"
    ):
        moved(received, judged, np.arange(6), 1.0)
