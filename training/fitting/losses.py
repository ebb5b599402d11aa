"""Losses of ranking, of attention and of telling flaws."""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from training.bounds import require


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Which losses there are, and how much each counts.

    Attributes
    ----------
    kind : "cross-entropy" knows how far two performances differ; "softplus" and "margin" only which is better
    margin : gap of scores that "margin" asks for, and beyond which tied pairs cost something
    similarity : weight of tied pairs in "softplus" and "margin"; "cross-entropy" pulls them together by itself
    scores : weight of ranking the scores themselves
    branches : weight of the ranking by each branch of APR, of its attention branch as much as of its ranking branch
    disparity : weight of attention being better than listening everywhere
    disparity_margin : gap of evidence by which it must be
    diversity : weight of the good and the bad branch attending to different places
    """

    kind: Literal["cross-entropy", "softplus", "margin"] = "cross-entropy"
    margin: float = 1.0
    similarity: float = 0.0
    scores: float = 1.0
    branches: float = 0.25
    disparity: float = 0.1
    disparity_margin: float = 0.1
    diversity: float = 0.05

    def __post_init__(self) -> None:
        require(self, 0.0, float("inf"), "margin", above=True)
        require(
            self, 0.0, float("inf"), "similarity", "scores", "branches", "disparity", "disparity_margin", "diversity"
        )
        if self.kind == "cross-entropy" and self.similarity:
            raise ValueError(f"similarity is {self.similarity}; cross-entropy has no use for it: it must be 0")


def ranking_loss(score: Tensor, severity: Tensor, weight: Tensor, how: LossConfig, *, indifference: float) -> Tensor:
    """The ranking loss that a run asked for, over all pairs of a batch.

    Parameters
    ----------
    score, severity, weight, indifference : as in `pairwise_ranking_loss`; pairs that differ by less are tied
    how : which loss

    Returns
    -------
    () mean over pairs
    """
    if how.kind == "cross-entropy":
        return pairwise_ranking_loss(score, severity, weight, indifference=indifference)
    if how.kind == "softplus":
        ranked = softplus_ranking_loss(score, severity, weight, indifference=indifference)
    else:
        ranked = margin_ranking_loss(score, severity, weight, margin=how.margin, indifference=indifference)
    tied = tied_ranking_loss(score, severity, weight, margin=how.margin, indifference=indifference)
    return ranked + how.similarity * tied


def margin_ranking_loss(
    score: Tensor, severity: Tensor, weight: Tensor, *, margin: float, indifference: float
) -> Tensor:
    """Hinge on how far each better snippet outscores its worse partner.

    Parameters
    ----------
    score, severity, weight : as in `pairwise_ranking_loss`
    margin : > 0, gap that a pair must reach before it stops costing
    indifference : pairs whose severities differ by no more do not count

    Returns
    -------
    () mean over the weighted pairs; 0.0, still on the autograd graph, when there is none

    Raises
    ------
    ValueError
        If the shapes do not fit.

    References
    ----------
    Doughty et al., Who's Better? Who's Best?, CVPR 2018 (section 3.2, the ranking loss).
    """
    gap, worse = _gaps(score, severity, weight)
    return _mean(F.relu(margin - gap), weight * (worse > indifference))


def softplus_ranking_loss(score: Tensor, severity: Tensor, weight: Tensor, *, indifference: float) -> Tensor:
    """Logistic loss of how far each better snippet outscores its worse partner: a hinge without a corner.

    Parameters, returned value and errors are those of `margin_ranking_loss`.

    References
    ----------
    Burges et al., Learning to Rank using Gradient Descent, ICML 2005 (section 3).
    """
    gap, worse = _gaps(score, severity, weight)
    return _mean(F.softplus(-gap), weight * (worse > indifference))


def tied_ranking_loss(score: Tensor, severity: Tensor, weight: Tensor, *, margin: float, indifference: float) -> Tensor:
    """How far snippets that hardly differ lie beyond the margin; else as `margin_ranking_loss`.

    References
    ----------
    Doughty et al., Who's Better? Who's Best?, CVPR 2018 (section 3.2, the similarity loss).
    """
    gap, worse = _gaps(score, severity, weight)
    return _mean(F.relu(gap.abs() - margin), weight * (worse.abs() <= indifference))


def disparity_loss(
    attended: Tensor, uniform: Tensor, severity: Tensor, weight: Tensor, *, margin: float, indifference: float
) -> Tensor:
    """Hinge on how much better attention tells a pair apart than listening everywhere alike does.

    Parameters
    ----------
    attended, uniform : (B,) evidence for skill, weighted by attention and averaged over all steps
    severity, weight, indifference : as in `margin_ranking_loss`
    margin : >= 0, by how much the gap of a pair must be wider with attention

    Returns
    -------
    () mean over the weighted pairs; 0.0, still on the autograd graph, when there is none

    References
    ----------
    Doughty et al., The Pros and Cons, CVPR 2019 (section 3.3, the disparity loss).
    """
    gap, worse = _gaps(attended, severity, weight)
    # What listening everywhere finds is the bar, not a thing to be lowered.
    plain = (uniform[:, None] - uniform[None, :]).detach()
    return _mean(F.relu(plain + margin - gap), weight * (worse > indifference))


def diversity_loss(one: Tensor, other: Tensor) -> Tensor:
    """How much two branches attend to the same places.

    Parameters
    ----------
    one, other : (B, T') attention, not negative

    Returns
    -------
    () mean cosine between them, 0..1; 0.0, still on the autograd graph, when B == 0

    References
    ----------
    Doughty et al., The Pros and Cons, CVPR 2019 (section 3.3, the diversity loss between filters of a branch).
    """
    return F.cosine_similarity(one, other, dim=1).sum() / max(len(one), 1)


def _gaps(score: Tensor, severity: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """(B, B) by how much the row outscores the column, and by how much the column was made worse."""
    _refuse_misfits(score, severity, weight)
    return score[:, None] - score[None, :], severity[None, :] - severity[:, None]


def _mean(losses: Tensor, weight: Tensor) -> Tensor:
    return (losses * weight).sum() / weight.sum().clamp_min(1e-6)


def _refuse_misfits(score: Tensor, severity: Tensor, weight: Tensor) -> None:
    if score.shape != severity.shape or weight.shape != (len(score), len(score)):
        raise ValueError(f"shapes {score.shape}, {severity.shape} and {weight.shape} are not (B,), (B,) and (B, B)")


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
    gap, worse = _gaps(score, severity, weight)
    target = torch.sigmoid(worse / indifference)
    return _mean(F.binary_cross_entropy_with_logits(gap, target, reduction="none"), weight)


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


def flaw_ranking_loss(told: Tensor, damage: Tensor, weight: Tensor, *, indifference: float) -> Tensor:
    """Cross entropy between whose flaws of a family are told, and whose were planted, to be the worse; over all pairs.

    What is told of one recording alone errs with the piece and the instrument; pairs of one excerpt teach what remains.

    Parameters
    ----------
    told : (B, F, T') log(1 + severity) at the network's time steps
    damage : (B, F, L) severity at label steps
    weight : (B, B) of each pair, symmetric, zero diagonal
    indifference : > 0, difference of log(1 + severity) that hardly counts

    Returns
    -------
    () mean over families of `pairwise_ranking_loss`
    """
    said, planted = told.mean(dim=2) / indifference, torch.log1p(damage).mean(dim=2)
    families = zip(said.unbind(1), planted.unbind(1), strict=True)
    losses = [pairwise_ranking_loss(-one, true, weight, indifference=indifference) for one, true in families]
    return torch.stack(losses).mean()


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
