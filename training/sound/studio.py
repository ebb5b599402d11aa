"""Recordings of performances: on a piano out of tune, in a room, by a microphone, all drawn apart from the playing."""

import numpy as np

from pkai.audio import Waveform
from training.music.performance import Performance
from training.sound import conditions
from training.sound.instruments import Instrument
from training.sound.rendering import Renderer

_OUT_OF_TUNE_CENTS = 4.0  # mean of the deviation between keys; a piano at home may pass 10
_TUNING_CENTS = 12.0  # standard deviation of the whole piano


def record(
    performance: Performance, pianos: tuple[Instrument, ...], renderer: Renderer, rng: np.random.Generator
) -> Waveform:
    """Record a performance.

    Parameters
    ----------
    performance : of one pianist
    pianos : of which one is drawn
    renderer : its sample rate is the recording's
    rng : of everything drawn

    Returns
    -------
    (n,) float32 mono, within -1..1
    """
    piano = pianos[rng.integers(len(pianos))]
    of_keys = rng.exponential(_OUT_OF_TUNE_CENTS) * rng.standard_normal(128)
    of_all = float(rng.normal(0, _TUNING_CENTS))
    sound = renderer.render(performance, piano, tuning_cents=of_all, key_cents=of_keys)
    return conditions.record(sound, renderer.sample_rate, conditions.draw(rng), rng)
