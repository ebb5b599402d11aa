"""Which pair to ask about next, and whom."""

import hashlib
from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np

from training.labels.annotation import Answers, Closure, positions
from training.labels.pairs import Key, Pair, key_of

_CURIOSITY = 0.5  # standard errors for which a badly known difference counts as smaller


@dataclass(frozen=True)
class Share:
    """One annotator's part of the questions: several share a set without asking each other.

    Attributes
    ----------
    part, parts : 1 <= part <= parts
    common : 0..1
        Fraction of the pairs that everybody answers, to see how far they agree.
    """

    part: int = 1
    parts: int = 1
    common: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.part <= self.parts:
            raise ValueError(f"share {self.part}/{self.parts} is none; the first of three is 1/3")
        if not 0 <= self.common <= 1:
            raise ValueError(f"common {self.common} is no fraction; it lies in 0..1")

    @classmethod
    def parse(cls, text: str, common: float = 0.0) -> "Share":
        """Read `2/3`: the second part of three."""
        part, slash, parts = text.partition("/")
        if not (slash and part.isdecimal() and parts.isdecimal()):
            raise ValueError(f"share {text!r} cannot be read; the second part of three is 2/3")
        return cls(int(part), int(parts), common)

    def holds(self, key: Key) -> bool:
        """Whether the pair is for this annotator to answer; depends on nothing but its names."""
        return self.is_common(key) or int.from_bytes(_digest(key)[8:16], "big") % self.parts == self.part - 1

    def is_common(self, key: Key) -> bool:
        """Whether everybody answers the pair."""
        return int.from_bytes(_digest(key)[:8], "big") < self.common * 2**64


def _digest(key: Key) -> bytes:
    return hashlib.sha256("\n".join(key_of(*key)).encode()).digest()


def next_pair(
    answers: Answers, closure: Closure, candidates: Sequence[Pair], common: Container[Key] = ()
) -> Pair | None:
    """The unknown pair whose answer tells most: the one nearest to a toss-up, badly known recordings first.

    Two recordings far apart are better left to what follows; two near each other can only be heard.

    Parameters
    ----------
    candidates : pairs that may be asked, in the order in which ties are broken
    common : pairs that are asked though they are known, to see how far people agree
    """
    known = closure.known
    unknown = [p for p in candidates if p.key in common or not known[answers.index[p.first], answers.index[p.second]]]
    if not unknown:
        return None
    place, error = positions(answers)
    i = np.array([answers.index[p.first] for p in unknown])
    j = np.array([answers.index[p.second] for p in unknown])
    doubt = np.abs(place[i] - place[j]) - _CURIOSITY * error[i, j]
    return unknown[int(doubt.round(9).argmin())]  # rounded, so that equal doubts keep their order on every machine
