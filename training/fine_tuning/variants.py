"""Recordings of one's own as another room, microphone, tuning or day would have had them, for fine-tuning on few.

What is changed costs no skill: a little faster or slower as a whole, another tuning, another tone, some noise.
Evenness, notes and pauses stay as they were played, so labels stay true. The ladder needs none of this: there, tempo,
tuning, room and noise are drawn for each rendering.

References
----------
Ko et al., Audio Augmentation for Speech Recognition, Interspeech 2015 (changes of speed).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
import numpy.typing as npt
import torch
import torchaudio.functional as F
from tqdm import tqdm

from pkai import audio, features, playing
from pkai.audio import Waveform
from pkai.features import FeatureConfig
from training.bounds import require


@dataclass(frozen=True, kw_only=True)
class VariantConfig:
    """How far variants lie from the recording.

    Attributes
    ----------
    n : of each recording to train on
    most_semitones : of tuning, up or down; phase vocoders smear attacks beyond two
    most_tempo : share by which all is faster or slower; listeners hardly notice 4 %
    most_tone_db : of a broad rise or dip somewhere between 200 Hz and 4 kHz
    least_snr_db, most_snr_db : of noise that is added
    seed : of what chance decides
    """

    n: int = 0
    most_semitones: float = 1.0
    most_tempo: float = 0.04
    most_tone_db: float = 8.0
    least_snr_db: float = 20.0
    most_snr_db: float = 50.0
    seed: int = 0

    def __post_init__(self) -> None:
        require(self, 0, float("inf"), "n", "most_tone_db", "least_snr_db", "seed")
        require(self, 0.0, 2.0, "most_semitones")
        require(self, 0.0, 0.2, "most_tempo")
        require(self, self.least_snr_db, float("inf"), "most_snr_db")


def variant(waveform: Waveform, sample_rate: int, how: VariantConfig, rng: np.random.Generator) -> Waveform:
    """The recording as it might have been.

    Parameters
    ----------
    waveform : (n,) float32 mono
    sample_rate : Hz
    how : how far it may lie from the recording
    rng : draws tuning, tempo, tone and noise

    Returns
    -------
    (n',) float32; n' differs from n by at most `most_tempo`
    """
    tuned = librosa.effects.pitch_shift(
        waveform, sr=sample_rate, n_steps=float(rng.uniform(-how.most_semitones, how.most_semitones))
    )
    timed = librosa.effects.time_stretch(tuned, rate=float(rng.uniform(1 - how.most_tempo, 1 + how.most_tempo)))
    sound = torch.from_numpy(np.ascontiguousarray(timed, np.float32))
    hz = float(np.exp(rng.uniform(np.log(200), np.log(4000))))
    gain_db = float(rng.uniform(-how.most_tone_db, how.most_tone_db))
    toned = F.equalizer_biquad(sound, sample_rate, hz, gain_db, Q=0.7)
    noise = torch.from_numpy(rng.standard_normal(len(sound)).astype(np.float32))
    snr_db = torch.tensor(rng.uniform(how.least_snr_db, how.most_snr_db), dtype=torch.float32)
    return np.asarray(F.add_noise(toned, noise, snr_db), np.float32)


def hear(
    files: Mapping[str, Path], config: FeatureConfig, how: VariantConfig, *, least_frames: int
) -> dict[str, list[npt.NDArray[np.float16]]]:
    """Features of variants of every recording, with a bar of progress.

    Parameters
    ----------
    files : by recording
    config : of the front end
    how : how many, and how far from the recording
    least_frames : a variant that got shorter is left out

    Returns
    -------
    by recording, (T, n_features) float16 of each variant's played part; the same for the same seed
    """
    found: dict[str, list[npt.NDArray[np.float16]]] = {name: [] for name in files}
    with tqdm(total=how.n * len(files), desc="varying", unit="recording", disable=how.n == 0) as bar:
        for index, (name, path) in enumerate(files.items() if how.n else ()):
            waveform = audio.decode(path, sample_rate=config.sample_rate)
            for number in range(how.n):
                rng = np.random.default_rng([how.seed, index, number])
                played = _features(variant(waveform, config.sample_rate, how, rng), config)
                if len(played) >= least_frames:
                    found[name].append(played)
                bar.update()
    return found


def _features(waveform: Waveform, config: FeatureConfig) -> npt.NDArray[np.float16]:
    mel = features.mel_frames([waveform], config)
    start, stop = playing.span(mel, config)
    return features.normalise(mel[start:stop], config).astype(np.float16)
