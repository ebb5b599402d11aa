"""Features of a run from the log-mel frames that shards hold: the same frames, or their cepstrum."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from pkai.features import FeatureConfig, log_mel

# What `pkai.features.normalise` makes of silence.
LOWEST_LOG_MEL = -2.5


def as_features(frames: Tensor, config: FeatureConfig) -> Tensor:
    """What a network of that front end hears; equal to `pkai.features.normalise` of the same sound.

    Parameters
    ----------
    frames : (..., M) log-mel features
    config : of the front end

    Returns
    -------
    (..., n_features)
    """
    return frames if config.kind == "log-mel" else frames @ _basis(config).to(frames)


def as_log_mel(features: Tensor, config: FeatureConfig) -> Tensor:
    """The way back: (..., n_features) -> (..., M); of MFCC the smooth spectrum that the kept coefficients describe."""
    return features if config.kind == "log-mel" else features @ _basis(config).to(features).T


@lru_cache(maxsize=4)
def _basis(config: FeatureConfig) -> Tensor:
    """(M, n_mfcc), of orthonormal columns."""
    unit = np.eye(config.n_mfcc, dtype=np.float32)
    return torch.from_numpy(np.ascontiguousarray(log_mel(unit, config).T))
