"""The networks that score a snippet: 2-D convolutions over its features, pooled with attention over time.

References
----------
Doughty, Damen, Mayol-Cuevas, Who's Better? Who's Best? Pairwise Deep Ranking for Skill Determination, CVPR 2018.
Okabe, Koshinaka, Shinoda, Attentive Statistics Pooling, Interspeech 2018 (section 2.3).

Differences
-----------
PDR scores image frames and optical flow with two-stream networks pretrained on ImageNet; here one small network,
trained from scratch, sees log-mel snippets, for nothing pretrained on pictures hears rhythm. The pooling over time adds
the weighted spread and the maximum to the mean, since one stumble in an even passage must not average out. A second
head predicts the severity of each family of flaws over time; it teaches the trunk what went wrong, and tells people.
"""

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Size of a network.

    Attributes
    ----------
    channels : of the five convolution blocks
    hidden : channels of the layers over time
    dropout : before the score
    """

    channels: tuple[int, int, int, int, int] = (16, 32, 48, 64, 96)
    hidden: int = 128
    dropout: float = 0.3


# Features below this are raised to it: what lies 50 dB under the loud frames drowns in the noise of any real room, and
# a rendering without noise must not sound like another instrument.
AUDIBLE_FLOOR = -1.5
# Strides over (time, frequency): 20 ms frames become 160 ms steps.
_STRIDES = ((2, 2), (2, 2), (1, 2), (2, 2), (1, 2))
# Of the layers over time: together they hear 4.6 s, enough for a phrase's pulse and the pause that breaks it.
_DILATIONS = (1, 2, 4)


class PairwiseRanker(nn.Module):
    """PDR's scorer of one snippet, shared by both sides of a pair.

    Parameters
    ----------
    n_families : of flaws that the second head tells
    config : size
    """

    def __init__(self, n_families: int, config: NetworkConfig) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        before = 1
        for channels, stride in zip(config.channels, _STRIDES, strict=True):
            blocks += [
                nn.Conv2d(before, channels, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
            ]
            before = channels
        self.trunk = nn.Sequential(*blocks)
        layers: list[nn.Module] = []
        before *= 2  # mean and maximum over frequency
        for dilation in _DILATIONS:
            layers += [
                nn.Conv1d(before, config.hidden, 5, padding=2 * dilation, dilation=dilation, bias=False),
                nn.BatchNorm1d(config.hidden),
                nn.ReLU(inplace=True),
            ]
            before = config.hidden
        self.over_time = nn.Sequential(*layers)
        self.attend = nn.Sequential(nn.Conv1d(config.hidden, 32, 1), nn.Tanh(), nn.Conv1d(32, 1, 1))
        self.tell_flaws = nn.Conv1d(config.hidden, n_families, 1)
        self.score = nn.Sequential(
            nn.Dropout(config.dropout), nn.Linear(4 * config.hidden, 64), nn.ReLU(inplace=True), nn.Linear(64, 1)
        )

    def forward(self, snippets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Score snippets and tell their flaws; what every network here offers.

        Parameters
        ----------
        snippets : (B, T, M) features

        Returns
        -------
        score : (B,)
        attention : (B, T') weights over time steps, each row adding up to 1
        flaws : (B, F, T') log(1 + severity) of each family of flaws at each time step, not negative
        """
        steps = self._steps(snippets)
        return (*self._pooled_score(steps), F.softplus(self.tell_flaws(steps)))

    def _steps(self, snippets: Tensor) -> Tensor:
        maps = self.trunk(snippets.clamp_min(AUDIBLE_FLOOR).unsqueeze(1))  # (B, C, T', M')
        flat = torch.cat([maps.mean(dim=3), maps.amax(dim=3)], dim=1)  # (B, 2C, T')
        return cast(Tensor, self.over_time(flat))  # (B, H, T')

    def _pooled_score(self, steps: Tensor) -> tuple[Tensor, Tensor]:
        attention = torch.softmax(self.attend(steps), dim=2)  # (B, 1, T')
        mean = (steps * attention).sum(dim=2)
        spread = torch.sqrt(((steps - mean.unsqueeze(2)) ** 2 * attention).sum(dim=2) + 1e-5)
        pooled = torch.cat([mean, spread, steps.mean(dim=2), steps.amax(dim=2)], dim=1)  # (B, 4H)
        return self.score(pooled).squeeze(1), attention.squeeze(1)
