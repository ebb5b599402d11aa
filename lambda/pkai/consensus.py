"""Segmental consensus: one score of the many of a recording's snippets.

A recording scores what the weakest of a few moments does on average, all drawn from it at random. So weak passages
count more than strong ones, as they do with people, yet none decides alone; playing any passage better never lowers
the score; and the unit of the scores does not matter.

Differences: Temporal Segment Networks (Wang et al., ECCV 2016, section 3.1) take the mean, which is the case of one
moment. It ranked people's performances less well on the two pieces that we choose by. A soft minimum did as well there
as this, but in a recording of three minutes it heard the weakest passage alone.
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


def weights(scores: Floats, share: Floats, *, moments: int) -> Floats:
    """How much each snippet counts: the chance that the weakest of the moments falls into it, (K,), adding up to 1.

    Parameters
    ----------
    scores, share : (K,)
    moments : drawn at random; 1 weighs each snippet by its share alone
    """
    order = np.argsort(scores, kind="stable")
    not_weaker = np.append(1.0, np.maximum(1.0 - np.cumsum(share[order]), 0.0))
    found = np.empty(len(scores))
    found[order] = not_weaker[:-1] ** moments - not_weaker[1:] ** moments
    return found


def score(scores: Floats, share: Floats, *, moments: int) -> float:
    """Mean score of the weakest of so many moments; parameters as in `weights`."""
    return float(scores @ weights(scores, share, moments=moments))
