"""How the played part of a recording is cut into snippets.

A recording is seen as in Temporal Segment Networks (Wang et al., ECCV 2016, section 3.1): snippets spread over
its whole length are scored one by one, and a segmental consensus (`pkai.consensus`) makes one score of them.

Differences: at test time TSN takes 25 evenly spaced snippets; here they are dense and overlap, so that every played
frame is heard. In a trial all snippets ranked recordings 5 points better than 5 of them did.
"""

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from pkai.errors import RecordingTooShort
from pkai.features import FeatureConfig, Frames

Starts = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class SegmentConfig:
    """How a recording is cut into snippets.

    Attributes
    ----------
    snippet_s : seconds; 8 s hear rhythm and hesitation better than 4 s do
    hop_s : seconds between the starts of neighbouring snippets, at most; half a snippet lets every
        frame be heard twice and gives the timeline its step
    moments : of the weakest of how many moments, drawn at random, a recording's score is the mean
    """

    snippet_s: float = 8.0
    hop_s: float = 4.0
    moments: int = 3

    def __post_init__(self) -> None:
        if self.moments < 1:
            raise ValueError(f"moments is {self.moments}; it must be 1 or more")
        if not 0 < self.hop_s <= self.snippet_s:
            raise ValueError(f"hop_s is {self.hop_s}; it must lie in 0..snippet_s={self.snippet_s}")

    def snippet_frames(self, features: FeatureConfig) -> int:
        """Frames in a snippet."""
        return round(self.snippet_s * features.frames_per_s)


def dense_starts(n_frames: int, snippet_frames: int, hop_frames: int) -> Starts:
    """Start frames of evenly spaced snippets that cover every frame, the first and the last included.

    Parameters
    ----------
    n_frames : in the played part
    snippet_frames, hop_frames : > 0; neighbouring starts lie at most one hop apart

    Returns
    -------
    (K,) int64 ascending, from 0 to n_frames - snippet_frames

    Raises
    ------
    ValueError
        If the played part is shorter than one snippet.
    """
    if n_frames < snippet_frames:
        raise ValueError(f"{n_frames} frames hold no snippet of {snippet_frames}")
    span = n_frames - snippet_frames
    n_snippets = 1 + -(-span // hop_frames)
    return cast(Starts, np.round(np.linspace(0, span, n_snippets)).astype(np.int64))


def sparse_starts(
    n_frames: int, snippet_frames: int, n_segments: int, rng: np.random.Generator | None = None
) -> Starts:
    """Start frames of one snippet from each of K equal segments: random with `rng`, else the middle.

    Parameters
    ----------
    n_frames : in the played part
    snippet_frames : > 0
    n_segments : K > 0
    rng : draws the place inside each segment, as TSN does in training

    Returns
    -------
    (K,) int64

    Raises
    ------
    ValueError
        If the played part is shorter than one snippet.
    """
    if n_frames < snippet_frames:
        raise ValueError(f"{n_frames} frames hold no snippet of {snippet_frames}")
    places = rng.random(n_segments) if rng is not None else np.full(n_segments, 0.5)
    span = n_frames - snippet_frames
    return cast(Starts, np.round((np.arange(n_segments) + places) / n_segments * span).astype(np.int64))


def cut(features: Frames, starts: Starts, snippet_frames: int) -> Frames:
    """Snippets of a recording, as a copy.

    Parameters
    ----------
    features : (T, n_features)
    starts : (K,)
    snippet_frames : S

    Returns
    -------
    (K, S, n_features) float32
    """
    windows = np.lib.stride_tricks.sliding_window_view(features, snippet_frames, axis=0)  # (T - S + 1, n_features, S)
    return windows[starts].transpose(0, 2, 1)


def refuse_too_short(n_frames: int, snippet_frames: int, features: FeatureConfig, duration_s: float) -> None:
    """Raise unless at least one snippet was played.

    Raises
    ------
    RecordingTooShort
        With the length that was found and the one that is needed.
    """
    if n_frames < snippet_frames:
        need_s = snippet_frames / features.frames_per_s
        if duration_s < need_s:
            raise RecordingTooShort(f"recording is {_down(duration_s)} s; at least {need_s:.1f} s is needed")
        played_s = n_frames / features.frames_per_s
        raise RecordingTooShort(
            f"only {_down(played_s)} s of the recording is playing; at least {need_s:.1f} s is needed"
        )


def _down(seconds: float) -> str:
    """With one digit, never more than there are."""
    return f"{math.floor(10 * seconds) / 10:.1f}"
