"""Performances that people have rated: MIDI, piece, player and the mean of the raters."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training import tables

_NEEDED = ("id", "piece", "midi", "player")
_ABOUT = (*_NEEDED, "player_level")


@dataclass(frozen=True, kw_only=True)
class RatedPerformance:
    """One performance and what people thought of it.

    Attributes
    ----------
    id, piece, player : names
    midi : path of the performance
    ratings : rater -> rating, 1 (poor) .. 5 (excellent)
    """

    id: str
    piece: str
    player: str
    midi: Path
    ratings: dict[str, float]

    @property
    def mean_rating(self) -> float:
        """Mean over all raters, 1..5."""
        return float(np.mean(list(self.ratings.values())))


def read(folder: Path) -> tuple[RatedPerformance, ...]:
    """Performances of a folder with `ratings.csv`, as the expert-novice recipe lays them out.

    Every column but id, piece, midi, player and player_level is a rater; an empty cell is no rating.

    Raises
    ------
    FileNotFoundError
        If there is no `ratings.csv`.
    ValueError
        If a column is missing, or a line lacks one of their cells, has more cells than there are columns, has no
        rating, or one outside 1..5; the message names the line.
    """
    table = folder / "ratings.csv"
    if not table.is_file():
        raise FileNotFoundError(f"{folder} holds no ratings.csv; fetch the rated performances first")
    found = []
    for line, row in tables.records(table, _NEEDED):
        try:
            found.append(_performance(row, folder))
        except ValueError as err:
            raise ValueError(f"{table.name} line {line}: {err}") from err
    return tuple(found)


def _performance(row: Mapping[str, str], folder: Path) -> RatedPerformance:
    if empty := [name for name in _NEEDED if not row[name]]:
        raise ValueError(f"{', '.join(empty)} is empty")
    ratings = {rater: float(cell) for rater, cell in row.items() if rater not in _ABOUT and cell}
    if not ratings:
        raise ValueError(f"nobody rated {row['id']}")
    if wrong := [f"{value:g} by {rater}" for rater, value in ratings.items() if not 1 <= value <= 5]:
        raise ValueError(f"a rating has to lie in 1..5; here is {', '.join(wrong)}")
    return RatedPerformance(
        id=row["id"], piece=row["piece"], player=row["player"], midi=folder / row["midi"], ratings=ratings
    )


def of_pieces(rated: tuple[RatedPerformance, ...], pieces: list[str]) -> tuple[RatedPerformance, ...]:
    """Performances of some pieces only.

    Raises
    ------
    ValueError
        If a piece is unknown; the message lists those there are.
    """
    known = sorted({performance.piece for performance in rated})
    unknown = [piece for piece in pieces if piece not in known]
    if unknown:
        raise ValueError(f"no rated performance of piece {unknown[0]!r}; there are: {', '.join(known)}")
    return tuple(performance for performance in rated if performance.piece in pieces)
