"""A recording as the network heard it: what the snippets say, merged so that every played frame counts once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pkai import consensus
from pkai.assessment import RecordingFacts
from pkai.features import Frames
from pkai.segments import Starts

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Hearing:
    """A recording as the network heard it; what pictures and explanations are drawn from.

    Attributes
    ----------
    recording : facts about the file
    features : (T, n_features) of the played part
    frames_per_s : of `features`
    starts : (K,) first frame of each snippet
    snippet_frames : frames in a snippet
    moments : of the consensus over snippets
    edges : (N + 1,) frames where the stretches of the timeline begin and end
    snippet_scores : (K,)
    local_score : (T,) mean of the snippets' scores, less what the flaws there cost beyond their mean over the recording
    local_attention : (T,) mean over the snippets that cover a frame; itself of mean 1
    local_flaws : (F, T) log(1 + severity) of each family of flaws, likewise
    damaged_packets : of the file, that could not be decoded
    chroma : (S, 12) loudness of each pitch class, where it was asked for
    has_tones : whether pitches were heard in it, as of any piano
    """

    recording: RecordingFacts
    features: Frames
    frames_per_s: float
    starts: Starts
    snippet_frames: int
    moments: int
    edges: npt.NDArray[np.int64]
    snippet_scores: Floats
    local_score: Floats
    local_attention: Floats
    local_flaws: Floats
    damaged_packets: int
    chroma: Frames | None = None
    has_tones: bool = True

    @cached_property
    def score(self) -> float:
        """Segmental consensus."""
        share = consensus.shares(self.starts, self.snippet_frames, len(self.features))
        return consensus.score(self.snippet_scores, share, moments=self.moments)

    def on_timeline(self, local: Floats) -> Floats:
        """Mean of a value per frame over each stretch of the timeline: (..., T) -> (..., N)."""
        sums = np.add.reduceat(local, self.edges[:-1], axis=-1)
        return np.asarray(sums / np.diff(self.edges))

    def over_snippets(self, local: Floats) -> Floats:
        """Mean of a value per frame over each snippet: (T,) -> (K,)."""
        before = np.concatenate([[0.0], np.cumsum(local)])
        return np.asarray((before[self.starts + self.snippet_frames] - before[self.starts]) / self.snippet_frames)

    def second(self, frame: int) -> float:
        """Time in the recording at which a frame begins, to the hundredth, never after the last that was played."""
        second = self.recording.played_from_s + float(frame) / self.frames_per_s
        return round(min(second, self.recording.played_to_s), 2)


def timeline_edges(n_frames: int, hop_frames: float) -> npt.NDArray[np.int64]:
    """Frames that part a recording into equal stretches of about one hop: (N + 1,), from 0 to n_frames."""
    n_stretches = max(1, round(n_frames / hop_frames))
    return np.asarray(np.round(np.linspace(0, n_frames, n_stretches + 1)), np.int64)


def per_frame(steps: npt.NDArray[np.float32], snippet_frames: int) -> Floats:
    """Values at the network's time steps, spread over frames: (..., T') -> (..., S)."""
    n_steps = steps.shape[-1]
    index = np.minimum(np.arange(snippet_frames) * n_steps // snippet_frames, n_steps - 1)
    return steps.astype(np.float64)[..., index]


def mean_over_snippets(values: Floats, starts: Starts, n_frames: int) -> Floats:
    """Mean per frame of what the snippets covering it say: (K, ..., S) -> (..., T)."""
    total = np.zeros((*values.shape[1:-1], n_frames))
    count = np.zeros(n_frames)
    for start, row in zip(starts, values, strict=True):
        total[..., start : start + row.shape[-1]] += row
        count[start : start + row.shape[-1]] += 1
    return np.asarray(total / count)
