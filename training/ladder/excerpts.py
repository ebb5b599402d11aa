"""Excerpts of expert performances, made as easy and as slow as what learners play.

The material is concert repertoire; learners play two or three voices at one to six onsets a second. So excerpts are
thinned, stretched and transposed before they are made worse. Nothing here changes how well an excerpt is played:
stretching leaves the notes of a chord as near to each other as they were.

Half of the excerpts come from the written scores, played plainly and well: a steady pulse with slight phrasing, as a
good player plays an easy piece. Concert rubato alone would teach that an even pulse is nothing to be proud of.
"""

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.music.performance import PEDAL_DTYPE, Notes, Performance, read_midi

# ASAP lists a piece twice that is played with and without its repeats; it is one piece.
_REPEAT = "_repeat"
# Chords and hands count as one onset.
_CLUSTER_S = 0.035
_MOST_DRAWS = 1000

Clusters = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Source:
    """A performance on disk, the score it was played from, and the piece it is of."""

    path: Path
    score_path: Path
    piece: str


@dataclass(frozen=True, kw_only=True)
class ExcerptConfig:
    """What excerpts are like.

    Attributes
    ----------
    shortest_s, longest_s : seconds, as played
    slowest, fastest : onsets a second, drawn evenly in log
    p_thinned : chance of keeping the outer voices only
    p_score : chance of a score played plainly instead of a concert performance
    most_semitones : transposition either way
    """

    shortest_s: float = 18.0
    longest_s: float = 26.0
    slowest: float = 1.3
    fastest: float = 6.5
    p_thinned: float = 0.65
    p_score: float = 0.5
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
    return _transposed(_stretched(cut, float(factor)), semitones)


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
            Source(
                path=folder / row["midi"],
                score_path=folder / row["score_midi"],
                piece=f"{row['composer']}-{row['title'].removesuffix(_REPEAT)}",
            )
            for row in csv.DictReader(lines)
        )


def draw_from(sources: tuple[Source, ...], config: ExcerptConfig, rng: np.random.Generator) -> tuple[str, Performance]:
    """An excerpt of a random piece, each piece being as likely; its name and the excerpt.

    Raises
    ------
    ValueError
        If _MOST_DRAWS draws found no excerpt: the performances hold too few notes.
    """
    pieces = sorted({source.piece for source in sources})
    for _ in range(_MOST_DRAWS):
        piece = pieces[rng.integers(len(pieces))]
        of_piece = [source for source in sources if source.piece == piece]
        source = of_piece[rng.integers(len(of_piece))]
        from_score = rng.random() < config.p_score
        excerpt = draw(read_midi(source.score_path if from_score else source.path), config, rng)
        if excerpt is not None and len(excerpt.notes) >= 12:
            return piece, played_plainly(excerpt, rng) if from_score else excerpt
    raise ValueError(
        f"no excerpt of {config.shortest_s:g} s or more found in {_MOST_DRAWS} draws from {len(pieces)} pieces; "
        "give longer performances"
    )


def played_plainly(score: Performance, rng: np.random.Generator) -> Performance:
    """Play a score's exact notes as a good player plays an easy piece.

    Tempo and loudness rise and fall with phrases of random length, by a few per cent and a few units of velocity; the
    top voice is louder and the touch legato; the pedal, if any, changes with the bass.

    Parameters
    ----------
    score : onsets and lengths as written
    rng : of the rendition
    """
    notes = score.notes.copy()
    cluster = _clusters(notes)
    times = notes["onset_s"][np.searchsorted(cluster, np.arange(cluster[-1] + 1))]
    arch = np.sin(2 * np.pi * (times / rng.uniform(4.0, 9.0) + rng.random()))
    uneven = rng.uniform(0.008, 0.03) * rng.standard_normal(len(times)) - rng.uniform(0.01, 0.06) * arch
    new_times = times[0] + np.concatenate([[0.0], np.cumsum(np.diff(times) * np.exp(uneven[:-1]))])
    written_ends = notes["onset_s"] + notes["duration_s"]
    ends = np.interp(written_ends, times, new_times) + np.maximum(written_ends - times[-1], 0.0)
    top = np.append(np.diff(cluster) > 0, True)
    loudness = rng.uniform(48, 82) + rng.uniform(4, 14) * arch[cluster] + rng.uniform(3, 12) * top
    notes["onset_s"] = new_times[cluster] + 0.006 * np.abs(rng.standard_normal(len(notes)))
    notes["duration_s"] = np.maximum(0.05, (ends - notes["onset_s"]) * rng.uniform(0.75, 1.02))
    notes["velocity"] = np.clip(loudness + rng.uniform(1.5, 4.0) * rng.standard_normal(len(notes)), 15, 120)
    pedal = _pedal_with_bass(notes, cluster, new_times) if rng.random() < 0.6 else np.empty(0, PEDAL_DTYPE)
    return Performance(notes[np.argsort(notes["onset_s"], kind="stable")], pedal)


def _pedal_with_bass(notes: Notes, cluster: Clusters, times: npt.NDArray[np.float64]) -> Notes:
    """Up and down again just after low notes, some 0.7 s apart at least."""
    bass = notes["pitch"] <= np.percentile(notes["pitch"], 25)
    rows: list[tuple[float, int]] = []
    last = -1.0
    for time in times[np.unique(cluster[bass])].tolist():
        if time - last > 0.7:
            rows += [(time + 0.02, 0), (time + 0.12, 127)]
            last = time
    return np.array(rows, PEDAL_DTYPE)


def _clusters(notes: Notes) -> Clusters:
    """Which chord each note belongs to, counted from 0."""
    return np.concatenate([[0], np.cumsum(np.diff(notes["onset_s"]) > _CLUSTER_S)])


def _stretched(performance: Performance, factor: float) -> Performance:
    """`factor` times as slow, while the notes of a chord stay as near to each other as they were."""
    notes = performance.notes
    cluster = _clusters(notes)
    chord = notes["onset_s"][np.searchsorted(cluster, np.arange(cluster[-1] + 1))][cluster]
    stretched = performance.stretched(factor)
    stretched.notes["onset_s"] = chord * factor + (notes["onset_s"] - chord)
    # A rolled chord may now reach beyond the next one's first note.
    return replace(stretched, notes=stretched.notes[np.argsort(stretched.notes["onset_s"], kind="stable")])


def _onsets(notes: Notes) -> npt.NDArray[np.float64]:
    onsets = notes["onset_s"]
    return np.asarray(onsets[np.append(True, np.diff(onsets) > _CLUSTER_S)])


def _outer_voices(notes: Notes, *, with_bass: bool) -> Notes:
    cluster = _clusters(notes)
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
