"""What a keyboard allows: a key that is struck again has been let go of before."""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def freed(onset_s: Floats, length_s: Floats, pitch: npt.NDArray[Any]) -> Floats:
    """Lengths of tones, each ended at the latest when its key is struck again.

    Parameters
    ----------
    onset_s, length_s, pitch : (N,) of each tone, in any order

    Returns
    -------
    (N,) seconds, >= 0
    """
    order = np.lexsort((onset_s, pitch))
    again = np.append(onset_s[order[1:]], np.inf)
    again[:-1][np.diff(pitch[order]) != 0] = np.inf
    shortened = np.empty(len(order))
    shortened[order] = np.minimum(length_s[order], again - onset_s[order])
    return shortened
