"""The losses in closed form, and what must not change them."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from training.losses import flaw_loss, pairwise_ranking_loss

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
