"""A network scores each snippet for itself, tells where it listened, and can learn an order."""

import pytest
import torch
from torch import Tensor

from training.losses import pairwise_ranking_loss
from training.networks import NetworkConfig, PairwiseRanker
from training.skill_ladder import FAMILIES

TINY = NetworkConfig(channels=(4, 4, 6, 6, 8), hidden=8, dropout=0.1)
N_FRAMES, N_MELS = 120, 96


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(20_170_301)


@pytest.fixture
def network() -> PairwiseRanker:
    """With running statistics of its own, as after training."""
    made = PairwiseRanker(len(FAMILIES), TINY)
    with torch.no_grad():
        for _ in range(3):
            made(snippets(8))
    return made.eval()


def snippets(n: int) -> Tensor:
    return torch.randn(n, N_FRAMES, N_MELS)


def test_there_is_one_score_for_each_snippet_and_attention_adds_up_to_one(network: PairwiseRanker) -> None:
    score, attention, _ = network(snippets(5))
    assert score.shape == (5,)
    assert attention.shape[0] == 5 and attention.ndim == 2
    assert float(attention.detach().min()) >= 0
    torch.testing.assert_close(attention.sum(dim=1), torch.ones(5))


def test_flaws_are_told_for_each_family_and_step_and_are_not_negative(network: PairwiseRanker) -> None:
    _, attention, told = network(snippets(3))
    assert told.shape == (3, len(FAMILIES), attention.shape[1])
    assert float(told.detach().min()) >= 0


def test_neighbours_in_a_batch_never_change_a_score(network: PairwiseRanker) -> None:
    heard = snippets(6)
    heard[3] *= 50
    with torch.no_grad():
        together, attention, flaws = network(heard)
        for k in range(6):
            alone = network(heard[k : k + 1])
            torch.testing.assert_close(alone[0], together[k : k + 1], atol=1e-4, rtol=1e-5)
            torch.testing.assert_close(alone[1], attention[k : k + 1], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(alone[2], flaws[k : k + 1], atol=1e-4, rtol=1e-5)
        torch.testing.assert_close(network(heard.flip(0))[0], together.flip(0), atol=1e-4, rtol=1e-5)


def test_scoring_twice_gives_the_same_score(network: PairwiseRanker) -> None:
    heard = snippets(2)
    assert torch.equal(network(heard)[0], network(heard)[0])


def test_a_snippet_of_any_length_has_a_score(network: PairwiseRanker) -> None:
    scores = [network(torch.randn(1, n, N_MELS))[0] for n in (60, 200, 400)]
    assert all(bool(torch.isfinite(score).all()) for score in scores)


def test_every_weight_learns_from_ranking_or_from_telling_flaws(network: PairwiseRanker) -> None:
    score, _, told = network.train()(snippets(6))
    (score.square().sum() + told.sum()).backward()  # type: ignore[no-untyped-call]
    assert [name for name, weight in network.named_parameters() if weight.grad is None] == []


def test_as_many_channels_as_blocks_are_needed() -> None:
    with pytest.raises(ValueError, match="zip"):
        PairwiseRanker(1, NetworkConfig(channels=(4, 4)))  # type: ignore[arg-type]


def test_a_tiny_network_learns_the_order_of_eight_snippets() -> None:
    network = PairwiseRanker(len(FAMILIES), NetworkConfig(channels=(4, 4, 6, 6, 8), hidden=8, dropout=0.0))
    heard = snippets(8)
    severity = torch.linspace(0, 1.4, 8)[torch.randperm(8)]
    weight = torch.ones(8, 8) - torch.eye(8)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(60):
        loss = pairwise_ranking_loss(network(heard)[0], severity, weight, indifference=0.1)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        assert torch.equal(network(heard)[0].argsort(descending=True), severity.argsort())
