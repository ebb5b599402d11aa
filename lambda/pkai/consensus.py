"""Segmental consensus: one score of the many of a recording's snippets.

The consensus is a soft minimum, ``-T log mean exp(-score / T)``: weak moments count more than strong ones, as they do
with people, yet none decides alone, and playing any passage better never lowers the score. A network learns its scores
from the odds of who plays better, so the temperature T has their unit.

Differences: Temporal Segment Networks (Wang et al., ECCV 2016, section 3.1) take the mean, which is what is left for a
large T. It ranked people's performances less well on the two pieces that we choose by.
"""

import numpy as np
import numpy.typing as npt

from pkai.segments import Starts

Floats = npt.NDArray[np.float64]


def shares(starts: Starts, snippet_frames: int, n_frames: int) -> Floats:
    """Share of the recording that each snippet stands for, where every played frame counts once: (K,), adding up to 1.

    Parameters
    ----------
    starts : (K,) first frame of each snippet; together they cover all frames
    snippet_frames : frames in a snippet
    n_frames : of the recording
    """
    covered = np.zeros(n_frames)
    for start in starts:
        covered[start : start + snippet_frames] += 1
    return np.array([float((1 / covered[start : start + snippet_frames]).sum()) for start in starts]) / n_frames


def score(scores: Floats, share: Floats, *, temperature: float) -> float:
    """Score of the whole recording, between the weakest snippet's and the mean.

    Parameters
    ----------
    scores, share : (K,)
    temperature : > 0, difference of score at which a moment counts e times as much as another
    """
    weakest = scores.min()
    return float(weakest - temperature * np.log(share @ np.exp((weakest - scores) / temperature)))


def weights(scores: Floats, share: Floats, *, temperature: float) -> Floats:
    """How much each snippet counts, that is, how much the whole's score moves with its own: (K,), adding up to 1.

    Parameters
    ----------
    scores, share, temperature : as in `score`
    """
    found = share * np.exp((scores.min() - scores) / temperature)
    return np.asarray(found / found.sum())
