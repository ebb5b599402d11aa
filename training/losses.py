"""Losses of ranking and of telling flaws."""

import torch
import torch.nn.functional as F
from torch import Tensor


def pairwise_ranking_loss(score: Tensor, severity: Tensor, weight: Tensor, *, indifference: float) -> Tensor:
    """Cross entropy between who scores better and who was made worse, over all pairs of a batch.

    The target of a pair is ``sigmoid(difference of severity / indifference)``: pairs that hardly differ pull their
    scores together as the similarity loss of PDR does (section 3.2), and pairs that clearly differ push them apart as
    a logistic ranking loss does.

    Parameters
    ----------
    score : (B,)
    severity : (B,) of each snippet; less is better
    weight : (B, B) of each pair, symmetric, zero diagonal
    indifference : > 0, severity that listeners would hardly agree on

    Returns
    -------
    () mean over the weighted pairs; 0.0, still on the autograd graph, when all weights are 0

    Raises
    ------
    ValueError
        If the shapes do not fit.

    References
    ----------
    Burges et al., Learning to Rank using Gradient Descent, ICML 2005 (section 3); Doughty et al., CVPR 2018.
    """
    if score.shape != severity.shape or weight.shape != (len(score), len(score)):
        raise ValueError(f"shapes {score.shape}, {severity.shape} and {weight.shape} are not (B,), (B,) and (B, B)")
    logits = score[:, None] - score[None, :]
    target = torch.sigmoid((severity[None, :] - severity[:, None]) / indifference)
    losses = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (losses * weight).sum() / weight.sum().clamp_min(1e-6)


def flaw_loss(told: Tensor, damage: Tensor) -> Tensor:
    """How far the told severities of the families are from the planted ones, at each label step.

    Parameters
    ----------
    told : (B, F, T') log(1 + severity) at the network's time steps
    damage : (B, F, L) severity at label steps, 1 being a struggling learner

    Returns
    -------
    () mean Huber loss between the logarithms
    """
    pooled = F.adaptive_avg_pool1d(told, damage.shape[2])
    return F.smooth_l1_loss(pooled, torch.log1p(damage), beta=0.5)


def preference_loss(better: Tensor, worse: Tensor, *, scale: float) -> Tensor:
    """Logistic loss of how far each better recording outscores its worse partner.

    Parameters
    ----------
    better, worse : (P,) scores
    scale : > 0, difference of scores at which the odds are e : 1

    Returns
    -------
    () sum over pairs; 0.0, still on the autograd graph, when P == 0

    References
    ----------
    Burges et al., Learning to Rank using Gradient Descent, ICML 2005 (section 3).
    """
    return F.softplus((worse - better) / scale).sum()


def similarity_loss(one: Tensor, other: Tensor, *, scale: float, tie_band: float) -> Tensor:
    """How far recordings that were called equal lie beyond the tie band.

    Parameters
    ----------
    one, other : (P,) scores
    scale : > 0, as in `preference_loss`
    tie_band : >= 0, difference of scores that counts as equal

    Returns
    -------
    () sum over pairs; 0.0, still on the autograd graph, when P == 0

    References
    ----------
    Doughty et al., Who's Better? Who's Best?, CVPR 2018 (section 3.2, the similarity loss).
    """
    return (F.relu((one - other).abs() - tie_band) / scale).sum()
