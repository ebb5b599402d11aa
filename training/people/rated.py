"""Performances that people have rated: MIDI, piece, player and the mean of the raters."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_ABOUT = ("id", "piece", "midi", "player", "player_level")


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
    """
    table = folder / "ratings.csv"
    if not table.is_file():
        raise FileNotFoundError(f"{folder} holds no ratings.csv; fetch the rated performances first")
    with table.open(newline="", encoding="utf-8") as lines:
        return tuple(
            RatedPerformance(
                id=row["id"],
                piece=row["piece"],
                player=row["player"],
                midi=folder / row["midi"],
                ratings={rater: float(value) for rater, value in row.items() if rater not in _ABOUT and value},
            )
            for row in csv.DictReader(lines)
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
