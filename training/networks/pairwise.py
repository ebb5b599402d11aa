"""Our networks that score a snippet: PDR, and APR with its good and bad attention branches, both on one small trunk.

References
----------
Doughty, Damen, Mayol-Cuevas, Who's Better? Who's Best? Pairwise Deep Ranking for Skill Determination, CVPR 2018.
Attention Pairwise Ranking, MIRU 2020: Attention Branch Networks (Fukui et al., CVPR 2019) that rank by skill.
Doughty, Mayol-Cuevas, Damen, The Pros and Cons: Rank-aware Temporal Attention for Skill Determination in Long Videos,
CVPR 2019.

Differences
-----------
PDR scores image frames and optical flow with two-stream networks pretrained on ImageNet; here one small network,
trained from scratch, sees log-mel snippets, for nothing pretrained on pictures hears rhythm. The pooling over time adds
the weighted spread and the maximum to the mean, since one stumble in an even passage must not average out. Another
head tells the severity of each family of flaws over time; it teaches the trunk what went wrong.

APR attends to places of a picture, with a map scaled by the least and greatest value of the whole batch; here attention
is over time, where playing is good or bad, and a softmax in each snippet, so that neighbours never change a score. Its
two scores are ranked apart and never together; here their difference, which is what counts, is ranked as well.
Evidence cannot be negative: if it could, a bad branch might be the good one with its sign turned.
"""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.networks.originals import OriginalAttentionRanker, OriginalRanker
from training.networks.ranker import (
    AUDIBLE_FLOOR,
    Branch,
    FeatureKind,
    Heard,
    NetworkConfig,
    Ranker,
    SmallRanker,
    pooled,
    score_head,
)

__all__ = ["AUDIBLE_FLOOR", "AttentionPairwiseRanker", "NetworkConfig", "PairwiseRanker", "Ranker", "build"]


class PairwiseRanker(SmallRanker):
    """PDR: one score from statistics over time, weighted by attention.

    Parameters
    ----------
    n_families : of flaws that are told
    config : size
    features : kind that it hears
    """

    def __init__(self, n_families: int, config: NetworkConfig, features: FeatureKind = "log-mel") -> None:
        super().__init__(n_families, config, features)
        self.attend = nn.Sequential(nn.Conv1d(config.over_time, 32, 1), nn.Tanh(), nn.Conv1d(32, 1, 1))
        self.score = score_head(config.over_time, config.dropout)

    def hear(self, snippets: Tensor) -> Heard:
        """Score, attention and flaws of (B, T, M) snippets."""
        sounds = self.sounds(snippets)
        steps = self.steps(sounds)
        attention = torch.softmax(self.attend(steps), dim=2)  # (B, 1, T')
        score = self.score(pooled(steps, attention)).squeeze(1)
        return Heard(score, attention.squeeze(1), self.flaws(sounds), self.sensed(steps))


class AttentionPairwiseRanker(SmallRanker):
    """APR: what shows skill less what shows the lack of it, each found by an attention branch of its own.

    Parameters
    ----------
    n_families : of flaws that are told
    config : size
    features : kind that it hears
    """

    def __init__(self, n_families: int, config: NetworkConfig, features: FeatureKind = "log-mel") -> None:
        super().__init__(n_families, config, features)
        self.good = _AttentionBranch(config)
        self.bad = _AttentionBranch(config)

    def hear(self, snippets: Tensor) -> Heard:
        """Score, attention, flaws and both branches of (B, T, M) snippets; attention is the mean of the branches'."""
        sounds = self.sounds(snippets)
        steps = self.steps(sounds)
        good, bad = self.good(steps), self.bad(steps)
        attention = (good.attention + bad.attention) / 2
        return Heard(good.score - bad.score, attention, self.flaws(sounds), self.sensed(steps), good, bad)


class _AttentionBranch(nn.Module):
    """An attention branch, which finds evidence, and the ranking branch that listens where it attends."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        hidden, narrow = config.over_time, max(config.over_time // 2, 1)
        self.listen = nn.Sequential(
            nn.Conv1d(hidden, narrow, 3, padding=1, bias=False), nn.BatchNorm1d(narrow), nn.ReLU(inplace=True)
        )
        self.attend = nn.Conv1d(narrow, 1, 1)
        self.evidence = nn.Conv1d(narrow, 1, 1)
        self.score = score_head(hidden, config.dropout)

    def forward(self, steps: Tensor) -> Branch:
        """(B, H, T') steps to what the branch says of them."""
        heard = self.listen(steps)
        attention = torch.softmax(self.attend(heard), dim=2)  # (B, 1, T')
        evidence = F.softplus(self.evidence(heard))  # (B, 1, T')
        return Branch(
            score=cast(Tensor, self.score(pooled(steps, attention))).squeeze(1),
            evidence=(evidence * attention).sum(dim=(1, 2)),
            everywhere=evidence.mean(dim=(1, 2)),
            attention=attention.squeeze(1),
        )


def build(config: NetworkConfig, n_families: int, features: FeatureKind = "log-mel") -> Ranker:
    """The network that a configuration names, with weights drawn anew.

    Parameters
    ----------
    config : which network
    n_families : of flaws that it tells
    features : kind that it hears
    """
    kinds: dict[tuple[str, bool], type[SmallRanker] | type[OriginalRanker]] = {
        ("pdr", False): PairwiseRanker,
        ("apr", False): AttentionPairwiseRanker,
        ("pdr", True): OriginalRanker,
        ("apr", True): OriginalAttentionRanker,
    }
    return kinds[config.kind, config.base == "resnet18"](n_families, config, features)
