"""How an expert plays a score: tempo, loudness, articulation, and pedal that make the music's structure heard.

Rules in the order in which they act, each small, as in recordings of good pianists:

- Phrase arch: tempo and loudness rise into a phrase and fall at its end, together [1]_ [2]_; the ends of the phrases
  slow down most [3]_.
- Final ritardando: the square of the tempo falls evenly over the last two bars, as of a runner who stops [4]_.
- Loudness follows the written marks, the arch, the beginning of the bar, and, a little, pitch [2]_.
- The tune is louder than what accompanies it, and some 20 ms ahead of it [5]_.
- Slurred notes overlap by some 30 ms, others are let go before the next [6]_.
- A pedal change follows the new harmony: up just after its attack, down again once the old one is damped [7]_.
- Even an expert's motor system is noisy: a few ms, a few units of velocity [2]_.

Differences: the rules' sizes are our choice within what the sources report; none is fitted to data.

References
----------
.. [1] Todd, The dynamics of dynamics: A model of musical expression, JASA 91(6), 1992.
.. [2] Friberg, Bresin, Sundberg, Overview of the KTH rule system for musical performance, Adv. Cogn. Psych. 2, 2006.
.. [3] Repp, Diversity and commonality in music performance, JASA 92(5), 1992; survey in Widmer & Goebl, Computational
   models of expressive music performance: The state of the art, JNMR 33(3), 2004.
.. [4] Friberg & Sundberg, Does music performance allude to locomotion?, JASA 105(3), 1999.
.. [5] Goebl, Melody lead in piano performance: Expressive device or artifact?, JASA 110(1), 2001.
.. [6] Repp, Acoustics, perception, and production of legato articulation on a digital piano, JASA 97(6), 1995.
.. [7] Repp, Pedal timing and tempo in expressive piano performance, Psychology of Music 24(2), 1996.
"""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from training.music.performance import PEDAL_DTYPE, Performance, make_notes
from training.music.score import LOUDNESS, Score, ScoreNote

Floats = npt.NDArray[np.float64]
Clock = Callable[[Fraction], float]  # quarter notes -> seconds

_STEPS_PER_QUARTER = 32
_ARCH_PEAK = 0.4  # of the phrase
_ARCH_TEMPO = 0.13  # from the slowest to the fastest place
_ARCH_VELOCITY = 12.0
_FINAL_BARS = 2
_FINAL_TEMPO = 0.62  # of the tempo before the last bars

_VELOCITY = dict(zip(LOUDNESS, (50.0, 58.0, 65.0, 73.0, 84.0, 95.0), strict=True))
_UNMARKED = "mf"
_DOWNBEAT_VELOCITY = 3.0
_PITCH_VELOCITY = 0.25  # a semitone, from the middle of the tune's usual range
_MIDDLE_PITCH = 69
_ACCOMPANIMENT_VELOCITY = -11.0

_MELODY_LEAD_S = 0.018
_LEGATO_OVERLAP_S = 0.03
_DETACHED = Fraction(4, 5)  # of the written length
_KEY_UP_S = 0.03  # a key must rise before it can be struck again
_ONSET_NOISE_S = 0.004
_VELOCITY_NOISE = 1.5

_PEDAL_UP_S, _PEDAL_DOWN_S = 0.03, 0.12  # after the attack of a new harmony
_PEDAL_DOWN = 100


def perform(score: Score, *, rng: np.random.Generator) -> Performance:
    """Play a score as an expert would.

    Parameters
    ----------
    score : to be played once through
    rng : two generators give two renditions by the same hands, with other noise and somewhat other rubato

    Returns
    -------
    Performance
        Begins at 0 s with the first note.
    """
    clock = _clock(score, rubato=rng.uniform(0.8, 1.2))
    onsets = np.array([clock(note.onset) for note in score.notes])
    onsets += _behind_the_tune(score, rng) + rng.normal(0, _ONSET_NOISE_S, len(onsets))
    shift = float(onsets.min())
    releases = np.array([_release(note, clock) for note in score.notes])
    releases = np.maximum(_free_the_keys(score, onsets, releases), onsets + _KEY_UP_S)
    velocities = _velocities(score) + rng.normal(0, _VELOCITY_NOISE, len(onsets))
    rows = [
        (float(onset - shift), float(release - onset), note.pitch, round(float(np.clip(velocity, 1, 127))))
        for note, onset, release, velocity in zip(score.notes, onsets, releases, velocities, strict=True)
    ]
    return Performance(make_notes(rows), _pedal(score, clock, shift))


def _arch(score: Score, quarters: Floats) -> Floats:
    """Where in its phrase each place stands: 1 at the peak, 0 at the end, in between at the start."""
    starts, stops = (np.array(ends, float) for ends in zip(*score.phrases, strict=True))
    index = np.searchsorted(starts, quarters, side="right") - 1
    place = (quarters - starts[index]) / (stops[index] - starts[index])
    return np.asarray(1 - ((place - _ARCH_PEAK) / (1 - _ARCH_PEAK)) ** 2, np.float64)


def _clock(score: Score, *, rubato: float) -> Clock:
    """From places in the score to seconds, by adding up the time that each small step takes at its tempo."""
    edges = np.linspace(0, float(score.length), 1 + _STEPS_PER_QUARTER * round(score.length))
    middles = (edges[:-1] + edges[1:]) / 2
    arch = _arch(score, middles)
    tempo = 1 + rubato * _ARCH_TEMPO * (arch - arch.mean())
    towards_end = np.clip(1 - (float(score.length) - middles) / float(_FINAL_BARS * score.bar_length), 0, 1)
    tempo *= np.sqrt(1 - (1 - _FINAL_TEMPO**2) * towards_end)
    seconds = np.concatenate([[0.0], np.cumsum(np.diff(edges) * 60 / (score.tempo * tempo))])
    return lambda quarters: float(np.interp(float(quarters), edges, seconds))


def _behind_the_tune(score: Score, rng: np.random.Generator) -> Floats:
    """Seconds that each accompanying note comes after the note of the tune that is written at the same place."""
    tune = {note.onset for note in score.notes if note.melody}
    together = np.array([not note.melody and note.onset in tune for note in score.notes])
    return np.where(together, rng.normal(_MELODY_LEAD_S, _MELODY_LEAD_S / 4, len(together)), 0.0)


def _release(note: ScoreNote, clock: Clock) -> float:
    if note.legato:
        return clock(note.stop) + _LEGATO_OVERLAP_S
    return clock(note.onset + note.duration * _DETACHED)


def _free_the_keys(score: Score, onsets: Floats, releases: Floats) -> Floats:
    """Releases early enough that no key is still down when either hand strikes it again."""
    freed = releases.copy()
    upcoming: dict[int, float] = {}
    for index in reversed(range(len(score.notes))):
        pitch = score.notes[index].pitch
        freed[index] = min(releases[index], upcoming.get(pitch, np.inf) - _KEY_UP_S)
        upcoming[pitch] = onsets[index]
    return freed


def _velocities(score: Score) -> Floats:
    quarters = np.array([note.onset for note in score.notes], float)
    pitches = np.array([note.pitch for note in score.notes], float)
    on_downbeat = np.array([(note.onset - score.upbeat) % score.bar_length == 0 for note in score.notes])
    melody = np.array([note.melody for note in score.notes])
    arch = _arch(score, quarters)
    return np.asarray(
        _marked_velocity(score, quarters)
        + _ARCH_VELOCITY * (arch - arch.mean())
        + np.where(on_downbeat, _DOWNBEAT_VELOCITY, 0.0)
        + np.where(melody, _PITCH_VELOCITY * (pitches - _MIDDLE_PITCH), _ACCOMPANIMENT_VELOCITY),
        np.float64,
    )


def _marked_velocity(score: Score, quarters: Floats) -> Floats:
    """Velocity that the loudness marks ask for at each place; even between a hairpin and the mark that ends it."""
    places, levels = [-1.0], [_VELOCITY[_UNMARKED]]
    gradual = False
    for mark in score.marks:
        if mark.sign in LOUDNESS and not gradual:
            places.append(float(mark.onset) - 1e-6)
            levels.append(levels[-1])
        if mark.sign in LOUDNESS or mark.sign in "<>":
            places.append(float(mark.onset))
            levels.append(_VELOCITY.get(mark.sign, levels[-1]))
            gradual = mark.sign in "<>"
    return np.asarray(np.interp(quarters, places, levels), np.float64)


def _pedal(score: Score, clock: Clock, shift: float) -> npt.NDArray[np.void]:
    events: list[tuple[float, int]] = []
    down = False
    for mark in score.marks:
        time_s = clock(mark.onset) - shift
        if mark.sign in "_*" and down:
            events.append((time_s + _PEDAL_UP_S, 0))
        if mark.sign == "_":
            events.append((time_s + _PEDAL_DOWN_S, _PEDAL_DOWN))
        down = mark.sign == "_" or (down and mark.sign != "*")
    return np.array(events, PEDAL_DTYPE)
