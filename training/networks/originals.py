"""PDR and APR as the original P-KAI built them: a ResNet-18 that sees features as a square picture of one channel.

References
----------
He, Zhang, Ren, Sun, Deep Residual Learning for Image Recognition, CVPR 2016 (table 1, 18 layers).
Doughty et al., Who's Better? Who's Best?, CVPR 2018; Attention Pairwise Ranking, MIRU 2020; Fukui et al., Attention
Branch Network, CVPR 2019 (section 3).

Differences
-----------
Weights start at random, for there are none to be had offline and the original threw its first layer's away: it has to
learn more from the same data, which favours the original. The maps of attention are scaled in each snippet; the
original's are scaled over the batch, so that neighbours change a score. The bad branch ranks the worse recording
higher, as in APR, and the score is good less bad; the original's configuration left the bad branch out at last, and
before that ranked both branches alike and subtracted them nevertheless. Each branch normalises for itself. Flaws are
told from the features without teaching them, so that the diagnosis costs the ranking nothing and gives it nothing.
"""

import itertools
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.networks.ranker import Branch, FeatureKind, Heard, NetworkConfig, Ranker

_SIDE = 224
# Of the features before the last stage, for a picture of that side: time steps, and places along frequency.
_MAP_SIDE = 14
_EPS = 1e-6
# Numbers of 32 bits that the widest instructions of a CPU take at once.
_VECTOR = 16


class OriginalRanker(Ranker):
    """PDR: the mean over a ResNet's last maps, and one linear layer; it attends to all steps alike.

    Parameters
    ----------
    n_families : of flaws that are told
    config : channels of the stages
    features : kind that it hears
    """

    def __init__(self, n_families: int, config: NetworkConfig, features: FeatureKind = "mfcc") -> None:
        super().__init__(features)
        self.widths = config.widths
        *most, last = config.widths
        stages = [_stage(before, after, stride=2) for before, after in itertools.pairwise(most)]
        self.trunk = nn.Sequential(_stem(most[0]), _stage(most[0], most[0], stride=1), *stages)
        self.tell_flaws = nn.Conv1d(most[-1], n_families, 1)
        self._add_heads(most[-1], last, config.dropout)
        _initialise(self)

    def _add_heads(self, before: int, last: int, dropout: float) -> None:
        self.rank = _ranking_branch(before, last, dropout)

    def lay_out_for_training(self) -> None:
        """As others, but for channels that fill no whole vector: PyTorch's backward pass corrupts memory with them."""
        if all(channels % _VECTOR == 0 for channels in self.widths):
            super().lay_out_for_training()

    def hear(self, snippets: Tensor) -> Heard:
        """Score, attention and flaws of (B, T, M) snippets."""
        maps = self.maps(snippets)
        attention = torch.full_like(maps[:, 0, :, 0], 1 / _MAP_SIDE)  # (B, 14)
        return Heard(self.rank(maps).squeeze(1), attention, self.flaws(maps))

    def maps(self, snippets: Tensor) -> Tensor:
        """Maps before the last stage: (B, T, M) -> (B, C, 14, 14), time before frequency."""
        picture = F.interpolate(self.audible(snippets), (_SIDE, _SIDE), mode="bilinear", align_corners=False)
        return cast(Tensor, self.trunk(picture))

    def flaws(self, maps: Tensor) -> Tensor:
        """(B, F, 14) log(1 + severity)."""
        return F.softplus(self.tell_flaws(maps.detach().mean(dim=3)))


class OriginalAttentionRanker(OriginalRanker):
    """APR: a good and a bad attention branch, each with a ranking branch that sees the maps through it."""

    def _add_heads(self, before: int, last: int, dropout: float) -> None:
        self.good = _OriginalBranch(before, last, dropout)
        self.bad = _OriginalBranch(before, last, dropout)

    def hear(self, snippets: Tensor) -> Heard:
        """Score, attention, flaws and both branches of (B, T, M) snippets; attention is the mean of the branches'."""
        maps = self.maps(snippets)
        good, bad = self.good(maps), self.bad(maps)
        return Heard(good.score - bad.score, (good.attention + bad.attention) / 2, self.flaws(maps), good=good, bad=bad)


class _OriginalBranch(nn.Module):
    def __init__(self, before: int, last: int, dropout: float) -> None:
        super().__init__()
        narrow = max(before // 2, 1)
        self.attend = nn.Sequential(_convolution(before, before), _convolution(before, narrow))
        self.evidence = nn.Conv2d(narrow, 1, _MAP_SIDE, bias=False)
        self.rank = _ranking_branch(before, last, dropout)

    def forward(self, maps: Tensor) -> Branch:
        """(B, C, 14, 14) maps to what the branch says of them."""
        found = self.attend(maps)
        attention = _min_max(found.sum(dim=1, keepdim=True))  # (B, 1, 14, 14)
        over_time = attention.mean(dim=(1, 3)) + _EPS  # (B, 14)
        evidence = self.evidence(found).flatten()
        return Branch(
            score=self.rank(maps * attention).squeeze(1),
            evidence=evidence,
            everywhere=evidence,  # its weights over the places are fixed: there is nothing to compare with
            attention=over_time / over_time.sum(dim=1, keepdim=True),
        )


class _Residual(nn.Module):
    """Two convolutions beside a short cut."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = _convolution(before, after, stride=stride)
        self.second = nn.Sequential(nn.Conv2d(after, after, 3, padding=1, bias=False), nn.BatchNorm2d(after))
        same = stride == 1 and before == after
        cut = (nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm2d(after))
        self.short_cut = nn.Identity() if same else nn.Sequential(*cut)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, before, h, w) -> (B, after, h / stride, w / stride)."""
        return F.relu(self.second(self.first(maps)) + self.short_cut(maps))


def _stem(channels: int) -> nn.Sequential:
    return nn.Sequential(_convolution(1, channels, size=7, stride=2), nn.MaxPool2d(3, stride=2, padding=1))


def _stage(before: int, after: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(_Residual(before, after, stride), _Residual(after, after, 1))


def _ranking_branch(before: int, last: int, dropout: float) -> nn.Sequential:
    pool = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout))
    return nn.Sequential(_stage(before, last, stride=2), *pool, nn.Linear(last, 1))


def _convolution(before: int, after: int, *, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, size, stride=stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )


def _min_max(maps: Tensor) -> Tensor:
    """Each snippet's maps between 0 and 1."""
    low, high = torch.amin(maps, dim=(2, 3), keepdim=True), torch.amax(maps, dim=(2, 3), keepdim=True)
    return (maps - low) / (high - low + _EPS)


def _initialise(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
