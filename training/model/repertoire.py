"""Our own scores, played at any level of skill: what the bundled recordings and the references are made of."""

import numpy as np

from training.ladder.flaws import KINDS, Flaws
from training.ladder.skill_ladder import degrade
from training.music.expression import perform
from training.music.performance import Performance
from training.music.score import Score

# Slower players stop at an earlier phrase, so that all recordings are quick to score and small.
LONGEST_S = 32.0


class NoPhraseFits(ValueError):
    """Played so slowly, not even the first phrase of a score ends in time."""


def play(score: Score, severity: float, *, seed: int) -> Performance:
    """Play as much of a score as fits into `LONGEST_S`, up to the end of a phrase, with every kind of flaw alike.

    Raises
    ------
    NoPhraseFits
        If the player is too slow even for the first phrase.
    """
    flaws = Flaws(dict.fromkeys(KINDS, severity))
    for n_phrases in range(len(score.phrases), 0, -1):
        rng = np.random.default_rng(seed)
        performance = degrade(perform(score.first_phrases(n_phrases), rng=rng), flaws, rng).performance
        if performance.duration_s <= LONGEST_S:
            return performance
    raise NoPhraseFits(f"not even the first phrase of {score.title} fits into {LONGEST_S:.0f} s")
