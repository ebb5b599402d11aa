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
from pkai.errors import ModelContractError
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
# More than any path gathers: recordings of 20 minutes have 4,000 steps.
_NEVER = np.float32(-1e6)
# How many steps back in a reference a path looks.
_NOTHING = 2
# Similarities computed at once, 0.25 MB: calling for so many is no matter, and they stay in the cache.
_SIMILARITIES_PER_PRODUCT = 65_536


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

    Raises
    ------
    ModelContractError
        If the chroma of a reference is none.
    """
    # References that were played from one score share their chroma.
    packed = dict.fromkeys((reference.piece, reference.chroma) for reference in references if reference.chroma)
    try:
        known = [(piece, chroma.unpack(text)) for piece, text in packed]
    except ValueError as err:
        raise ModelContractError(f"the chroma of a reference is none: {err}; `pkai references add` makes it") from err
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
    stops = np.cumsum(lengths + _NOTHING)
    line = np.zeros((int(stops[-1]), chroma.N_CLASSES), np.float32)
    offsets = np.full(len(line), _NEVER)
    for start, stop, steps in zip(stops - lengths, stops, references, strict=True):
        line[start:stop] = _shape(steps)
        offsets[start:stop] = -_ALIKE
    best = _best_local(np.stack([_shape(steps) for steps in heard]), line, offsets)
    of_each = np.maximum.reduceat(best, stops - lengths, axis=1).astype(np.float64)
    found: npt.NDArray[np.float64] = of_each / np.log(np.maximum(heard.shape[1] * lengths, 2))
    return found


def _best_local(heard: Chroma, line: Chroma, offsets: Chroma) -> Chroma:
    """Highest sum over any path that ends at each step of the references: (H, S, 12), (L, 12), (L,) -> (H, L).

    All references lie in one line, each after _NOTHING: steps where no path goes on, and one may begin. One step of the
    recordings after the other; the two steps before are kept.
    """
    flat, steps = np.ascontiguousarray(line.T), np.ascontiguousarray(heard.transpose(1, 0, 2))
    one, two, now, best = (np.zeros(len(heard) * len(line), np.float32) for _ in range(4))
    one_alike = np.full_like(now, _NEVER)
    ahead, waited = (np.empty(len(now) - _NOTHING, np.float32) for _ in range(2))
    at_once = max(1, _SIMILARITIES_PER_PRODUCT // len(now))
    for first in range(0, len(steps), at_once):
        some = steps[first : first + at_once]
        for alike in (some.reshape(-1, chroma.N_CLASSES) @ flat + offsets).reshape(len(some), -1):
            np.add(two[1:-1], one_alike[2:], out=ahead)  # half as fast as the reference
            np.maximum(ahead, one[1:-1], out=ahead)  # as fast
            np.maximum(ahead, one[:-2], out=ahead)  # twice
            np.subtract(one[2:], np.float32(_PAUSE), out=waited)
            np.maximum(ahead, waited, out=ahead)
            ahead += alike[2:]
            np.maximum(ahead, 0, out=now[2:])
            np.maximum(best, now, out=best)
            one, two, now, one_alike = now, one, two, alike
    return best.reshape(len(heard), -1)


def _shape(steps: Chroma) -> Chroma:
    """Which classes stand out in each step, loud or soft: mean 0 and length 1, so that products are correlations.

    Half of what is loud all along is taken away: it tells the key, and much other music shares that.
    """
    shape = steps - _KEY_SHARE * steps.mean(axis=0, keepdims=True)
    shape -= shape.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(shape, axis=1, keepdims=True)
    return (shape / np.maximum(lengths, _FAINT)).astype(np.float32)  # type: ignore[no-any-return]
