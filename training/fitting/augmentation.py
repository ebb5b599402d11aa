"""What is done to a snippet's features before the network hears it: other microphones, more noise, holes.

References
----------
Park et al., SpecAugment, Interspeech 2019 (section 2: frequency and time masking).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor

from pkai.features import FeatureConfig
from training.bounds import require
from training.fitting.cepstrum import LOWEST_LOG_MEL, as_features, as_log_mel
from training.networks.ranker import AUDIBLE_FLOOR


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How much is changed.

    Attributes
    ----------
    equaliser_db : standard deviation of the gain at eight places along the frequency axis
    most_noise_db : the noise floor rises up to here above the network's own
    widest_frequency_mask : mel bands
    widest_time_mask : frames; short, for a longer hole sounds like a hesitation
    """

    equaliser_db: float = 5.0
    most_noise_db: float = 14.0
    widest_frequency_mask: int = 12
    widest_time_mask: int = 6

    def __post_init__(self) -> None:
        widest = ("widest_frequency_mask", "widest_time_mask")
        require(self, 0.0, float("inf"), "equaliser_db", "most_noise_db", *widest)


_DB_PER_UNIT = 20.0
_EQUALISER_PLACES = 8


def augmented(snippets: Tensor, how: Augmentation, features: FeatureConfig | None = None) -> Tensor:
    """Change each snippet in its own way.

    Parameters
    ----------
    snippets : (B, T, n_features)
    how : how much
    features : what the snippets are; log-mel if None. MFCC are changed as the log-mel frames that they describe

    Returns
    -------
    (B, T, n_features)
    """
    if features is not None and features.kind == "mfcc":
        frames = as_log_mel(snippets, features)
        return as_features(_changed(frames, how, quietest=LOWEST_LOG_MEL), features)
    return _changed(snippets, how, quietest=AUDIBLE_FLOOR)


def _changed(frames: Tensor, how: Augmentation, *, quietest: float) -> Tensor:
    """(B, T, M) log-mel frames, with a noise floor between `quietest` and `how.most_noise_db` above what is audible."""
    n, _, n_mels = frames.shape
    curve = torch.randn(n, 1, _EQUALISER_PLACES, device=frames.device) * (how.equaliser_db / _DB_PER_UNIT)
    gain = F.interpolate(curve, n_mels, mode="linear", align_corners=True)  # (B, 1, M)
    most = AUDIBLE_FLOOR + how.most_noise_db / _DB_PER_UNIT if how.most_noise_db else quietest
    floor = quietest + torch.rand(n, 1, 1, device=frames.device) * (most - quietest)
    noisy = torch.maximum(frames + gain, floor + 0.05 * torch.randn_like(frames))
    for_masks = noisy.transpose(1, 2).unsqueeze(1)  # (B, 1, M, T)
    masks = (
        torchaudio.transforms.FrequencyMasking(how.widest_frequency_mask, iid_masks=True),
        torchaudio.transforms.TimeMasking(how.widest_time_mask, iid_masks=True),
    )
    for mask in masks:
        for_masks = mask(for_masks, mask_value=quietest)
    return for_masks.squeeze(1).transpose(1, 2)
