"""What a run hears of a shard's frames is what the service hears of the same sound."""

import numpy as np
import pytest
import torch

import piano_tone
from pkai import features
from pkai.features import FeatureConfig
from training.fitting.cepstrum import as_features, as_log_mel

LOG_MEL = FeatureConfig()


@pytest.fixture(scope="module")
def mel() -> features.Frames:
    return features.mel_frames([piano_tone.notes(2.0, LOG_MEL.sample_rate)], LOG_MEL)


@pytest.mark.parametrize("config", [LOG_MEL, FeatureConfig(kind="mfcc"), FeatureConfig(kind="mfcc", n_mfcc=96)])
def test_features_of_log_mel_frames_equal_those_of_the_sound(mel: features.Frames, config: FeatureConfig) -> None:
    wanted = features.normalise(mel, config)
    found = as_features(torch.from_numpy(features.normalise(mel, LOG_MEL)), config)
    assert found.shape == (len(mel), config.n_features)
    np.testing.assert_allclose(found.numpy(), wanted, atol=2e-5)


def test_log_mel_frames_come_back_from_all_their_coefficients() -> None:
    frames = torch.randn(2, 5, 96)
    config = FeatureConfig(kind="mfcc", n_mfcc=96)
    torch.testing.assert_close(as_log_mel(as_features(frames, config), config), frames, atol=1e-5, rtol=1e-5)
    few = FeatureConfig(kind="mfcc", n_mfcc=8)
    smooth = as_log_mel(as_features(frames, few), few)
    torch.testing.assert_close(as_features(smooth, few), as_features(frames, few), atol=1e-5, rtol=1e-5)
