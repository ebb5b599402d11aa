"""Which piece a recording is of: its chroma is aligned with that of the references.

Pieces are begun in the middle, broken off, repeated, and played at any tempo with wrong notes and pauses. So the best
*local* alignment is sought (Smith and Waterman, 1981): a stretch of the recording beside a stretch of a reference, each
step allowed to go half or twice as fast. Steps that sound alike add to its evidence, others take from it, and chance
finds more of it in long recordings: it is held against the logarithm of the number of places where it could lie
(Karlin and Altschul, 1990).

Plain harmony is alike in much music, so the evidence is also held against what can only be chance: the best for another
piece, and for the same recording played backwards. `pkai-train recognition` measures how often all this is right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pkai import chroma
from pkai.chroma import Chroma
from pkai.references import Reference

# Steps whose chroma correlate by more than this speak for an alignment, by less against it.
_ALIKE = 0.45
# What it costs to stay where the reference is for a step: to wait, or to repeat.
_PAUSE = 0.4
# How much of a recording's mean chroma is taken from each step, and the length below which a step says little.
_KEY_SHARE = 0.5
_FAINT = 0.05
# Evidence is weighed against that of chance and this much more.
_LEAST_CHANCE = 0.2
# The weight at which a piece is as likely to be played as not, and how fast certainty grows around it. Of 90 recordings
# of our pieces, by which it was chosen, 86 had more, and of 140 of other music none.
_EVEN_WEIGHT = 1.16
_WEIGHT_SPREAD = 0.06
_NEVER = np.float32(-1e3)


@dataclass(frozen=True, kw_only=True)
class Recognition:
    """The piece that a recording is most similar to, and how sure it is that it was played, 0..1."""

    piece: str | None
    confidence: float

    @property
    def is_sure(self) -> bool:
        """Whether the piece was rather played than not."""
        return self.confidence >= 0.5


def recognise(heard: Chroma, references: Sequence[Reference]) -> Recognition:
    """Find the piece among those of the references that have chroma.

    Parameters
    ----------
    heard : (S, 12), as `chroma.loudness` gives it
    """
    # References that were played from one score share their chroma.
    packed = dict.fromkeys((reference.piece, reference.chroma) for reference in references if reference.chroma)
    known = [(piece, chroma.unpack(text)) for piece, text in packed]
    if not known or len(heard) == 0:
        return Recognition(piece=None, confidence=0.0)
    steps = [kept for _, kept in known]
    found, backwards = evidence(np.stack((heard, heard[::-1])), steps)
    best = int(found.argmax())
    piece = known[best][0]
    others = [value for value, (other, _) in zip(found.tolist(), known, strict=True) if other != piece]
    chance = max([float(backwards.max()), *others])
    return Recognition(piece=piece, confidence=_confidence(float(found[best]) / (chance + _LEAST_CHANCE)))


def _confidence(weight: float) -> float:
    return round(float(1 / (1 + np.exp(-(weight - _EVEN_WEIGHT) / _WEIGHT_SPREAD))), 3)


def evidence(heard: Chroma, references: Sequence[Chroma]) -> npt.NDArray[np.float64]:
    """What speaks for each reference: that of its best local alignment, free of how long recording and reference are.

    Parameters
    ----------
    heard : (H, S, 12) loudness in H recordings of one length
    references : (M, 12) loudness each

    Returns
    -------
    (H, n_references) >= 0
    """
    lengths = np.array([len(steps) for steps in references])
    longest = int(lengths.max())
    stacked = np.zeros((len(references), longest, chroma.N_CLASSES), np.float32)
    for row, steps in zip(stacked, references, strict=True):
        row[: len(steps)] = _shape(steps)
    beyond = np.arange(longest)[None, :] >= lengths[:, None]
    shapes = np.stack([_shape(steps) for steps in heard])
    best = _best_local(shapes, stacked, np.where(beyond, _NEVER, np.float32(-_ALIKE)))
    found: npt.NDArray[np.float64] = best / np.log(np.maximum(heard.shape[1] * lengths, 2))
    return found


def _best_local(heard: Chroma, stacked: Chroma, offsets: Chroma) -> npt.NDArray[np.float64]:
    """Highest sum over any path: (H, S, 12), (R, M, 12), (R, M) -> (H, R).

    One step of the recordings after the other, all references at once. The two steps before are kept, each with two
    columns of nothing in front, where a path may begin.
    """
    n_heard, (n_references, longest, _) = len(heard), stacked.shape
    flat = np.ascontiguousarray(stacked.reshape(-1, chroma.N_CLASSES).T)
    one, two, now = (np.zeros((n_heard, n_references, longest + 2), np.float32) for _ in range(3))
    one_alike, best = np.full((n_heard, n_references, longest), _NEVER), np.zeros_like(now[..., 2:])
    ahead = np.empty_like(best)
    for step in heard.transpose(1, 0, 2):
        alike = (step @ flat).reshape(best.shape)
        alike += offsets
        np.add(two[..., 1:-1], one_alike, out=ahead)  # half as fast as the reference
        np.maximum(ahead, one[..., 1:-1], out=ahead)  # as fast
        np.maximum(ahead, one[..., :-2], out=ahead)  # twice
        np.maximum(ahead, one[..., 2:] - np.float32(_PAUSE), out=ahead)
        ahead += alike
        np.maximum(ahead, 0, out=now[..., 2:])
        np.maximum(best, now[..., 2:], out=best)
        one, two, now, one_alike = now, one, two, alike
    highest: npt.NDArray[np.float64] = best.max(axis=-1).astype(np.float64)
    return highest


def _shape(steps: Chroma) -> Chroma:
    """Which classes stand out in each step, loud or soft: mean 0 and length 1, so that products are correlations.

    Half of what is loud all along is taken away: it tells the key, and much other music shares that.
    """
    shape = steps - _KEY_SHARE * steps.mean(axis=0, keepdims=True)
    shape -= shape.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(shape, axis=1, keepdims=True)
    return (shape / np.maximum(lengths, _FAINT)).astype(np.float32)  # type: ignore[no-any-return]
