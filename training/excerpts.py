"""Excerpts of expert performances, made as easy and as slow as what learners play.

The material is concert repertoire; learners play two or three voices at one to six onsets a second. So excerpts are
thinned, stretched and transposed before they are made worse. Nothing here changes how well an excerpt is played.
"""

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.performance import Notes, Performance, read_midi

# Chords and hands count as one onset.
_CLUSTER_S = 0.035


@dataclass(frozen=True, kw_only=True)
class Source:
    """A performance on disk and the piece it is of."""

    path: Path
    piece: str


@dataclass(frozen=True, kw_only=True)
class ExcerptConfig:
    """What excerpts are like.

    Attributes
    ----------
    shortest_s, longest_s : seconds, as played
    slowest, fastest : onsets a second, drawn evenly in log
    p_thinned : chance of keeping the outer voices only
    most_semitones : transposition either way
    """

    shortest_s: float = 18.0
    longest_s: float = 26.0
    slowest: float = 1.3
    fastest: float = 6.5
    p_thinned: float = 0.65
    most_semitones: int = 4


def draw(source: Performance, config: ExcerptConfig, rng: np.random.Generator) -> Performance | None:
    """Cut a random excerpt and make it a learner's piece, or None if the place drawn holds too few notes.

    Parameters
    ----------
    source : a whole performance
    config : what excerpts are like
    rng : random numbers
    """
    length_s = rng.uniform(config.shortest_s, config.longest_s)
    rate = np.exp(rng.uniform(np.log(config.slowest), np.log(config.fastest)))
    onsets = _onsets(source.notes)
    n_onsets = int(length_s * rate)
    if len(onsets) <= n_onsets + 1:
        return None
    first = int(rng.integers(0, len(onsets) - n_onsets))
    start_s = onsets[first] - 0.01
    cut = source.excerpt(start_s, onsets[first + n_onsets] - 0.01)
    if rng.random() < config.p_thinned:
        cut = replace(cut, notes=_outer_voices(cut.notes, with_bass=rng.random() < 0.85))
    factor = length_s / max(1e-3, onsets[first + n_onsets] - start_s)
    semitones = int(rng.integers(-config.most_semitones, config.most_semitones + 1))
    return _transposed(cut.stretched(float(factor)), semitones)


def read_sources(folder: Path) -> tuple[Source, ...]:
    """Performances listed in `performances.csv` of `folder`, as the ASAP recipe lays them out.

    Raises
    ------
    FileNotFoundError
        If there is no such list.
    """
    table = folder / "performances.csv"
    if not table.is_file():
        raise FileNotFoundError(f"{folder} holds no performances.csv; fetch the performances first")
    with table.open(newline="", encoding="utf-8") as lines:
        return tuple(
            Source(path=folder / row["midi"], piece=f"{row['composer']}-{row['title']}")
            for row in csv.DictReader(lines)
        )


def draw_from(sources: tuple[Source, ...], config: ExcerptConfig, rng: np.random.Generator) -> tuple[str, Performance]:
    """An excerpt of a random piece, each piece being as likely; its name and the excerpt."""
    pieces = sorted({source.piece for source in sources})
    while True:
        piece = pieces[rng.integers(len(pieces))]
        of_piece = [source for source in sources if source.piece == piece]
        excerpt = draw(read_midi(of_piece[rng.integers(len(of_piece))].path), config, rng)
        if excerpt is not None and len(excerpt.notes) >= 12:
            return piece, excerpt


def _onsets(notes: Notes) -> npt.NDArray[np.float64]:
    onsets = notes["onset_s"]
    return np.asarray(onsets[np.append(True, np.diff(onsets) > _CLUSTER_S)])


def _outer_voices(notes: Notes, *, with_bass: bool) -> Notes:
    cluster = np.concatenate([[0], np.cumsum(np.diff(notes["onset_s"]) > _CLUSTER_S)])
    order = np.lexsort((notes["pitch"], cluster))
    change = np.append(np.diff(cluster[order]) > 0, True)
    keep = order[change]  # the highest of each cluster
    if with_bass:
        lowest = order[np.append(True, np.diff(cluster[order]) > 0)]
        keep = np.union1d(keep, lowest)
    return np.asarray(notes[np.sort(keep)])


def _transposed(performance: Performance, semitones: int) -> Performance:
    notes = performance.notes.copy()
    lowest, highest = int(notes["pitch"].min(initial=108)), int(notes["pitch"].max(initial=21))
    notes["pitch"] += max(21 - lowest, min(108 - highest, semitones))
    return replace(performance, notes=notes)
