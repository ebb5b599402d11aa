"""Manners of playing that cost nothing: a little faster or slower, louder or softer, drier or more legato.

Each version of an excerpt is played in a manner of its own, drawn apart from skill. Without it the judge takes a dry
touch or an unpedalled piece for poor playing, since concert pianists use more pedal than easy pieces want.
"""

from dataclasses import dataclass, replace

import numpy as np

from training.music.performance import PEDAL_DTYPE, Performance


@dataclass(frozen=True, kw_only=True)
class MannerConfig:
    """How far manners differ.

    Attributes
    ----------
    tempo : standard deviation of the log of the tempo
    touch : standard deviation of the log of all note lengths
    loudness : standard deviation of the mean velocity
    contrast : standard deviation of the log of the spread of velocities
    p_dry : chance of playing without pedal
    """

    tempo: float = 0.06
    touch: float = 0.22
    loudness: float = 9.0
    contrast: float = 0.12
    p_dry: float = 0.35


@dataclass(frozen=True, kw_only=True)
class Manner:
    """One way of playing: factors of time, note length and velocity spread, an added velocity, and the pedal."""

    tempo: float
    touch: float
    loudness: float
    contrast: float
    dry: bool


def draw(config: MannerConfig, rng: np.random.Generator) -> Manner:
    """Draw a manner."""
    return Manner(
        tempo=float(np.exp(config.tempo * rng.standard_normal())),
        touch=float(np.exp(np.clip(config.touch * rng.standard_normal() - 0.1, -0.6, 0.15))),
        loudness=config.loudness * float(rng.standard_normal()),
        contrast=float(np.exp(config.contrast * rng.standard_normal())),
        dry=bool(rng.random() < config.p_dry),
    )


def played(performance: Performance, manner: Manner) -> Performance:
    """An expert's performance in another manner, before it is made worse: flaws come on top, the pedal's too."""
    notes = performance.notes.copy()
    velocity = notes["velocity"].astype(float)
    mean = velocity.mean()
    notes["velocity"] = np.clip(mean + manner.loudness + manner.contrast * (velocity - mean), 8, 127)
    notes["duration_s"] = np.maximum(0.04, notes["duration_s"] * manner.touch)
    pedal = np.empty(0, PEDAL_DTYPE) if manner.dry else performance.pedal
    return replace(performance, notes=notes, pedal=pedal).stretched(manner.tempo)
