"""The losses in closed form, and what must not change them."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from training.fitting.losses import (
    LossConfig,
    disparity_loss,
    diversity_loss,
    flaw_loss,
    flaw_ranking_loss,
    margin_ranking_loss,
    pairwise_ranking_loss,
    ranking_loss,
    softplus_ranking_loss,
    tied_ranking_loss,
)

INDIFFERENCE = 0.2
scores = st.lists(st.floats(-5, 5), min_size=4, max_size=4)
severities = st.lists(st.floats(0, 2), min_size=4, max_size=4)


def every_pair(n: int) -> Tensor:
    return torch.ones(n, n) - torch.eye(n)


def loss(score: Tensor, severity: Tensor, weight: Tensor | None = None) -> Tensor:
    weights = every_pair(len(score)) if weight is None else weight
    return pairwise_ranking_loss(score, severity, weights, indifference=INDIFFERENCE)


@pytest.mark.parametrize("gap", [-2.0, 0.0, 0.7])
@pytest.mark.parametrize("severity_gap", [0.0, 0.3, 1.5])
def test_one_pair_costs_its_cross_entropy(gap: float, severity_gap: float) -> None:
    target = 1 / (1 + math.exp(-severity_gap / INDIFFERENCE))
    p = 1 / (1 + math.exp(-gap))
    wanted = -(target * math.log(p) + (1 - target) * math.log(1 - p))
    found = loss(torch.tensor([gap, 0.0]), torch.tensor([0.0, severity_gap]))
    assert float(found) == pytest.approx(wanted, rel=1e-5)


@given(score=scores, severity=severities)
def test_swapping_the_pairs_mirrors_the_loss(score: list[float], severity: list[float]) -> None:
    s, d = torch.tensor(score), torch.tensor(severity)
    torch.testing.assert_close(loss(-s, -d), loss(s, d))
    torch.testing.assert_close(loss(s.flip(0), d.flip(0)), loss(s, d))


@given(score=scores, severity=severities, shift=st.floats(-3, 3))
def test_only_differences_count(score: list[float], severity: list[float], shift: float) -> None:
    s, d = torch.tensor(score, dtype=torch.float64), torch.tensor(severity, dtype=torch.float64)
    torch.testing.assert_close(loss(s + shift, d + shift), loss(s, d))


def test_nothing_is_left_to_gain_when_scores_differ_as_severities_do() -> None:
    severity = torch.tensor([0.0, 0.1, 0.5])
    score = (-severity / INDIFFERENCE).requires_grad_()
    loss(score, severity).backward()  # type: ignore[no-untyped-call]
    assert score.grad is not None
    torch.testing.assert_close(score.grad, torch.zeros(3), atol=1e-6, rtol=0)


def test_the_better_is_pulled_up_and_the_worse_down() -> None:
    score = torch.zeros(2, requires_grad=True)
    loss(score, torch.tensor([0.0, 1.0])).backward()  # type: ignore[no-untyped-call]
    assert score.grad is not None and score.grad[0] < 0 < score.grad[1]
    assert float(score.grad.sum()) == pytest.approx(0.0, abs=1e-7)


def test_a_pair_without_weight_does_not_count() -> None:
    score, severity = torch.tensor([1.0, 0.0, 55.0]), torch.tensor([0.0, 1.0, 9.0])
    weight = every_pair(3)
    weight[2, :] = weight[:, 2] = 0
    torch.testing.assert_close(loss(score, severity, weight), loss(score[:2], severity[:2]))
    torch.testing.assert_close(loss(score, severity, 7 * weight), loss(score, severity, weight))


@pytest.mark.parametrize("n", [0, 1, 3])
def test_no_pair_costs_nothing_and_stays_on_the_graph(n: int) -> None:
    score = torch.randn(n, requires_grad=True)
    found = loss(score, torch.rand(n), torch.zeros(n, n))
    assert float(found.detach()) == 0.0
    found.backward()  # type: ignore[no-untyped-call]
    assert score.grad is not None and not score.grad.any()


@pytest.mark.parametrize(("n_severities", "side"), [(3, 4), (4, 3)])
def test_shapes_that_do_not_fit_are_refused(n_severities: int, side: int) -> None:
    with pytest.raises(ValueError, match=r"are not \(B,\), \(B,\) and \(B, B\)"):
        loss(torch.zeros(4), torch.zeros(n_severities), torch.zeros(side, side))


def test_flaws_told_exactly_cost_nothing_at_any_resolution() -> None:
    damage = torch.rand(2, 7, 16)
    told = torch.log1p(damage).repeat_interleave(3, dim=2)  # finer time steps than the labels
    assert float(flaw_loss(told, damage)) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("off", "cost"), [(0.1, 0.01), (-0.1, 0.01), (1.0, 0.75)])
def test_flaws_told_wrong_cost_hubers_loss(off: float, cost: float) -> None:
    damage = torch.rand(2, 7, 16)  # Huber: off² / (2 * 0.5) when near, |off| - 0.5 / 2 when far
    assert float(flaw_loss(torch.log1p(damage) + off, damage)) == pytest.approx(cost, rel=1e-3)


def gaps(kind: str, score: Tensor, severity: Tensor, weight: Tensor | None = None) -> Tensor:
    """One of the losses that know only which is better; severities that differ by 0.2 or less are tied."""
    weights = every_pair(len(score)) if weight is None else weight
    if kind == "margin":
        return margin_ranking_loss(score, severity, weights, margin=1.0, indifference=INDIFFERENCE)
    if kind == "softplus":
        return softplus_ranking_loss(score, severity, weights, indifference=INDIFFERENCE)
    return tied_ranking_loss(score, severity, weights, margin=1.0, indifference=INDIFFERENCE)


ORDINAL = ("margin", "softplus", "tied")


@pytest.mark.parametrize("gap", [-2.0, 0.0, 0.7, 1.5])
def test_a_pair_costs_what_it_lacks_of_the_margin_or_its_logistic_loss(gap: float) -> None:
    score, severity = torch.tensor([gap, 0.0]), torch.tensor([0.1, 0.9])
    assert float(gaps("margin", score, severity)) == pytest.approx(max(0.0, 1.0 - gap), abs=1e-6)
    assert float(gaps("softplus", score, severity)) == pytest.approx(math.log(1 + math.exp(-gap)), rel=1e-5)
    assert float(gaps("tied", score, severity)) == 0.0


@pytest.mark.parametrize("gap", [-2.0, 0.0, 0.7, 1.5])
def test_a_tied_pair_costs_what_lies_beyond_the_margin_and_is_ranked_by_nobody(gap: float) -> None:
    score, severity = torch.tensor([gap, 0.0]), torch.tensor([0.5, 0.6])
    assert float(gaps("tied", score, severity)) == pytest.approx(max(0.0, abs(gap) - 1.0), abs=1e-6)
    assert float(gaps("margin", score, severity)) == float(gaps("softplus", score, severity)) == 0.0


@pytest.mark.parametrize("kind", ORDINAL)
@given(score=scores, severity=severities)
def test_swapping_the_pairs_mirrors_the_ordinal_losses(kind: str, score: list[float], severity: list[float]) -> None:
    s, d = torch.tensor(score), torch.tensor(severity)
    torch.testing.assert_close(gaps(kind, -s, -d), gaps(kind, s, d))
    torch.testing.assert_close(gaps(kind, s.flip(0), d.flip(0)), gaps(kind, s, d))


@pytest.mark.parametrize("kind", ORDINAL)
@pytest.mark.parametrize("n", [0, 1, 3])
def test_no_pair_costs_nothing_in_the_ordinal_losses_and_stays_on_the_graph(kind: str, n: int) -> None:
    score = torch.randn(n, requires_grad=True)
    found = gaps(kind, score, torch.rand(n), torch.zeros(n, n))
    assert float(found.detach()) == 0.0
    found.backward()  # type: ignore[no-untyped-call]
    assert score.grad is not None and not score.grad.any()


@pytest.mark.parametrize("kind", ORDINAL)
def test_shapes_that_do_not_fit_are_refused_by_the_ordinal_losses(kind: str) -> None:
    with pytest.raises(ValueError, match=r"are not \(B,\), \(B,\) and \(B, B\)"):
        gaps(kind, torch.zeros(4), torch.zeros(3), torch.zeros(4, 4))


def test_a_run_gets_the_loss_that_it_asked_for() -> None:
    score, severity, weight = torch.tensor([0.3, 0.0, -1.6]), torch.tensor([0.0, 0.5, 0.6]), every_pair(3)
    ranked = {kind: float(gaps(kind, score, severity)) for kind in ORDINAL}

    def found(how: LossConfig) -> float:
        return float(ranking_loss(score, severity, weight, how, indifference=INDIFFERENCE))

    assert found(LossConfig()) == float(loss(score, severity))
    assert found(LossConfig(kind="softplus")) == ranked["softplus"]
    assert found(LossConfig(kind="margin", similarity=2.0)) == pytest.approx(ranked["margin"] + 2 * ranked["tied"])
    assert ranked["tied"] > 0


def test_attention_costs_nothing_once_it_beats_listening_everywhere_by_the_margin() -> None:
    severity, weight = torch.tensor([0.0, 1.0]), every_pair(2)

    def cost(attended: float, everywhere: float) -> float:
        sides = (torch.tensor([attended, 0.0]), torch.tensor([everywhere, 0.0]))
        return float(disparity_loss(*sides, severity, weight, margin=0.1, indifference=INDIFFERENCE))

    assert cost(0.5, 0.4) == pytest.approx(0.0, abs=1e-6)
    assert cost(0.4, 0.4) == pytest.approx(0.1, rel=1e-5)
    assert cost(-0.2, 0.4) == pytest.approx(0.7, rel=1e-5)


def test_disparity_raises_what_attention_finds_and_never_lowers_what_is_found_everywhere() -> None:
    attended, everywhere = (torch.zeros(2, requires_grad=True) for _ in range(2))
    severity = torch.tensor([0.0, 1.0])
    disparity_loss(attended, everywhere, severity, every_pair(2), margin=0.1, indifference=INDIFFERENCE).backward()  # type: ignore[no-untyped-call]
    assert attended.grad is not None and attended.grad[0] < 0 < attended.grad[1]
    assert everywhere.grad is None


def test_branches_that_attend_to_the_same_places_cost_one_and_to_others_nothing() -> None:
    early, late = torch.tensor([[0.5, 0.5, 0.0, 0.0]]), torch.tensor([[0.0, 0.0, 0.5, 0.5]])
    assert float(diversity_loss(early, early)) == pytest.approx(1.0)
    assert float(diversity_loss(early, late)) == pytest.approx(0.0)
    assert float(diversity_loss(early[:0], late[:0])) == 0.0


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"margin": 0.0}, "margin is 0.0; it must be greater than 0"),
        ({"branches": -1.0}, "branches is -1.0; it must be 0 or more"),
        ({"similarity": 0.5}, "similarity is 0.5; cross-entropy has no use for it"),
    ],
)
def test_weights_of_losses_that_make_no_sense_are_refused(asked: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LossConfig(**asked)  # type: ignore[arg-type]


def test_flaws_told_in_the_planted_order_cost_less_than_in_the_opposite_one() -> None:
    planted = torch.tensor([0.0, 0.5, 2.0])[:, None, None].expand(3, 2, 4)
    told = torch.log1p(planted)

    def cost(told: Tensor) -> float:
        return float(flaw_ranking_loss(told, planted, every_pair(3), indifference=INDIFFERENCE))

    assert cost(told) < cost(torch.zeros_like(told)) < cost(told.flip(0))
    # What is told of each family alike, however wrong, does not change the order.
    assert cost(told + torch.tensor([0.3, 0.7])[:, None]) == pytest.approx(cost(told), rel=1e-5)
