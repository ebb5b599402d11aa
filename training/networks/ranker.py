"""What every network has in common: its size, what it answers, and the small trunk that turns a snippet into steps."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.bounds import require

FeatureKind = Literal["log-mel", "mfcc"]

# Log-mel features below this are raised to it: what lies 50 dB under the loud frames drowns in the noise of any real
# room, and a rendering without noise must not sound like another instrument. Cepstra have no such floor.
AUDIBLE_FLOOR = -1.5
# Strides over (time, frequency): 20 ms frames become 160 ms steps.
_STRIDES = ((2, 2), (2, 2), (1, 2), (2, 2), (1, 2))
# Of the layers over time: together they hear 4.6 s, enough for a phrase's pulse and the pause that breaks it.
_DILATIONS = (1, 2, 4)
_CHANNELS: dict[str, tuple[int, ...]] = {
    "tiny": (4, 4, 6, 6, 8),
    "small": (16, 32, 48, 64, 96),
    "resnet18": (64, 128, 256, 512),
}
_HIDDEN = {"tiny": 8, "small": 128}


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Which network, and its size.

    Attributes
    ----------
    kind : "pdr" or "apr"
    base : "tiny" for tests, "small" with 530,000 weights in PDR and 610,000 in APR, or "resnet18" with 11 and 21
        million, as in the original P-KAI
    channels : of the five convolution blocks, or of the four stages of a ResNet; the base's own if None
    hidden : channels of the layers over time, which a ResNet has not; the base's own if None
    dropout : before the score
    """

    kind: Literal["pdr", "apr"] = "pdr"
    base: Literal["tiny", "small", "resnet18"] = "small"
    channels: tuple[int, ...] | None = None
    hidden: int | None = None
    dropout: float = 0.3

    def __post_init__(self) -> None:
        require(self, 1, float("inf"), "channels", "hidden")
        require(self, 0.0, 0.95, "dropout")
        own = _CHANNELS[self.base]
        if len(self.widths) != len(own):
            raise ValueError(f"channels are {self.widths}; {self.base} needs {len(own)} of them, as {own}")
        if self.hidden is not None and self.base not in _HIDDEN:
            raise ValueError(f"hidden is {self.hidden}; {self.base} has no layers over time: leave it out")

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each block or stage."""
        return _CHANNELS[self.base] if self.channels is None else self.channels

    @property
    def over_time(self) -> int:
        """Channels of the layers over time."""
        return _HIDDEN[self.base] if self.hidden is None else self.hidden


class Branch(NamedTuple):
    """What one attention branch of APR says of each snippet; more is better in the good branch, worse in the bad one.

    Attributes
    ----------
    score : (B,) of the ranking branch
    evidence : (B,) of the attention branch, where it attends
    everywhere : (B,) the same, were all steps attended to alike
    attention : (B, T') weights over time steps, each row adding up to 1
    """

    score: Tensor
    evidence: Tensor
    everywhere: Tensor
    attention: Tensor


class Heard(NamedTuple):
    """What a network says of each snippet.

    Attributes
    ----------
    score : (B,)
    attention : (B, T') weights over time steps, each row adding up to 1
    flaws : (B, F, T') log(1 + severity) of each family of flaws, not negative
    sensed : (B, F, T') the same, read off what the score is made of: telling it teaches the trunk what went wrong;
        the original's networks do not
    good, bad : branches of APR; PDR has none
    """

    score: Tensor
    attention: Tensor
    flaws: Tensor
    sensed: Tensor | None = None
    good: Branch | None = None
    bad: Branch | None = None


class Ranker(nn.Module, ABC):
    """A scorer of one snippet, shared by both sides of a pair.

    Parameters
    ----------
    features : kind that it hears
    """

    def __init__(self, features: FeatureKind) -> None:
        super().__init__()
        self.features: FeatureKind = features

    def forward(self, snippets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Score snippets, as exported.

        Parameters
        ----------
        snippets : (B, T, M) features

        Returns
        -------
        score : (B,)
        attention : (B, T') weights over time steps, each row adding up to 1
        flaws : (B, F, T') log(1 + severity) of each family of flaws, not negative
        """
        heard = self.hear(snippets)
        return heard.score, heard.attention, heard.flaws

    @abstractmethod
    def hear(self, snippets: Tensor) -> Heard:
        """All that the network says of (B, T, M) snippets; what training needs."""

    def lay_out_for_training(self) -> None:
        """Put channels last in memory, in which layout a CPU trains faster."""
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def audible(self, snippets: Tensor) -> Tensor:
        """Features without what cannot be heard: (B, 1, T, M)."""
        heard = snippets.clamp_min(AUDIBLE_FLOOR) if self.features == "log-mel" else snippets
        return heard.unsqueeze(1)


def _over_time(before: int, channels: int) -> nn.Sequential:
    """Dilated convolutions over time: (B, before, T') -> (B, channels, T')."""
    layers: list[nn.Module] = []
    for dilation in _DILATIONS:
        layers += [
            nn.Conv1d(before, channels, 5, padding=2 * dilation, dilation=dilation, bias=False),
            nn.BatchNorm1d(channels),
            nn.ReLU(inplace=True),
        ]
        before = channels
    return nn.Sequential(*layers)


class SmallRanker(Ranker):
    """The trunk of our own networks: convolutions over time and frequency, then over time alone.

    Flaws are told by layers over time of their own, from which nothing flows back into the trunk: where it did, they
    were told no better, and people's performances were ranked worse.

    Parameters
    ----------
    n_families : of flaws that are told at each step
    config : size
    features : kind that it hears
    """

    def __init__(self, n_families: int, config: NetworkConfig, features: FeatureKind = "log-mel") -> None:
        super().__init__(features)
        blocks: list[nn.Module] = []
        before = 1
        for channels, stride in zip(config.widths, _STRIDES, strict=True):
            blocks += [
                nn.Conv2d(before, channels, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
            ]
            before = channels
        self.trunk = nn.Sequential(*blocks)
        before *= 2  # mean and maximum over frequency
        narrow = max(config.over_time // 2, 1)
        self.over_time = _over_time(before, config.over_time)
        self.over_time_for_flaws = _over_time(before, narrow)
        self.tell_flaws = nn.Conv1d(narrow, n_families, 1)
        self.sense_flaws = nn.Conv1d(config.over_time, n_families, 1)

    def sounds(self, snippets: Tensor) -> Tensor:
        """What sounds at each time step: (B, T, M) -> (B, 2C, T')."""
        maps = self.trunk(self.audible(snippets))  # (B, C, T', M')
        return torch.cat([maps.mean(dim=3), maps.amax(dim=3)], dim=1)

    def steps(self, sounds: Tensor) -> Tensor:
        """What shows skill at each time step: (B, 2C, T') -> (B, H, T')."""
        return cast(Tensor, self.over_time(sounds))

    def flaws(self, sounds: Tensor) -> Tensor:
        """Severity of each family at each step: (B, 2C, T') -> (B, F, T'), log(1 + severity)."""
        return F.softplus(self.tell_flaws(self.over_time_for_flaws(sounds.detach())))

    def sensed(self, steps: Tensor) -> Tensor:
        """The same as the score's own layers sense it: (B, H, T') -> (B, F, T'). Training alone asks for it."""
        return F.softplus(self.sense_flaws(steps))


def pooled(steps: Tensor, attention: Tensor) -> Tensor:
    """Statistics over time: mean and spread where it attends, mean and maximum of all.

    Parameters
    ----------
    steps : (B, H, T')
    attention : (B, 1, T') adding up to 1

    Returns
    -------
    (B, 4H)

    References
    ----------
    Okabe, Koshinaka, Shinoda, Attentive Statistics Pooling, Interspeech 2018 (section 2.3).
    """
    mean = (steps * attention).sum(dim=2)
    spread = torch.sqrt(((steps - mean.unsqueeze(2)) ** 2 * attention).sum(dim=2) + 1e-5)
    return torch.cat([mean, spread, steps.mean(dim=2), steps.amax(dim=2)], dim=1)


def score_head(hidden: int, dropout: float) -> nn.Sequential:
    """From pooled statistics (B, 4H) to a score (B, 1)."""
    return nn.Sequential(nn.Dropout(dropout), nn.Linear(4 * hidden, 64), nn.ReLU(inplace=True), nn.Linear(64, 1))
