"""The table of pairs: which of two recordings is played better, as people said or as it follows from what they said.

A file has the columns `id1,id2,label` of the original P-KAI: 1 where the first is better, -1 where the second is,
0 where they are equal, and nothing (or the original's `X`) where nobody has said. A fourth column, `source`, is there
once a table has been annotated: who answered, or `inferred`. What other columns hold is kept.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import isfinite
from pathlib import Path

from training import tables
from training.durable import replace_csv

INFERRED = "inferred"
"""The source of a label that nobody gave, but that follows from the given ones."""

_LABELS = {"1": 1, "0": 0, "-1": -1, "": None, "X": None}
_COLUMNS = ("id1", "id2", "label", "source")

Key = tuple[str, str]


def key_of(first: str, second: str) -> Key:
    """The same name for a pair whichever of its recordings comes first."""
    return (first, second) if first <= second else (second, first)


@dataclass(frozen=True)
class Pair:
    """Two recordings and how they compare.

    Attributes
    ----------
    label : 1 (first is better), 0 (equal), -1 (second is better) or None (unlabelled)
    source : who said so; "" in a table that does not tell, `INFERRED` where nobody did
    notes : column -> cell, of the columns that are the table's own
    """

    first: str
    second: str
    label: int | None = None
    source: str = ""
    notes: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.first or not self.second:
            raise ValueError("a pair needs two names")
        if self.first == self.second:
            raise ValueError(f"{self.first} is paired with itself; a pair needs two recordings")
        if self.label not in (1, 0, -1, None):
            raise ValueError(f"label {self.label} is none of 1, 0, -1 and none")

    @property
    def key(self) -> Key:
        """The pair's name, whichever recording comes first."""
        return key_of(self.first, self.second)

    @property
    def unlabelled(self) -> "Pair":
        """The pair before anybody said anything."""
        return replace(self, label=None, source="")

    @property
    def answered(self) -> bool:
        """Whether a person gave the label."""
        return self.label is not None and self.source != INFERRED

    def label_from(self, first: str) -> int | None:
        """The label as it reads when `first` is named first."""
        return self.label if first == self.first or self.label is None else -self.label


def read_pairs(path: Path) -> list[Pair]:
    """Pairs of a CSV file in its order.

    Raises
    ------
    ValueError
        If a column is missing, a label is none of 1, 0, -1, empty and X, or a pair stands there twice (in either
        order); the message names the line.
    OSError
        If the file cannot be read.
    """
    pairs: dict[Key, tuple[int, Pair]] = {}
    for line, row in tables.records(path, _COLUMNS[:3]):
        try:
            _put(pairs, line, _pair(row))
        except ValueError as err:
            raise ValueError(f"{path.name} line {line}: {err}") from err
    return [pair for _, pair in pairs.values()]


def _pair(row: Mapping[str, str]) -> Pair:
    cells = {name: row.get(name, "").strip() for name in _COLUMNS}
    if cells["label"] not in _LABELS:
        raise ValueError(f"label {cells['label']!r} is none of 1, 0, -1 and empty")
    notes = {name: cell for name, cell in row.items() if name not in _COLUMNS}
    return Pair(cells["id1"], cells["id2"], _LABELS[cells["label"]], cells["source"], notes)


def _put(pairs: dict[Key, tuple[int, Pair]], line: int, pair: Pair) -> None:
    if pair.key in pairs:
        raise ValueError(f"{pair.first} and {pair.second} are a pair already on line {pairs[pair.key][0]}; keep one")
    pairs[pair.key] = line, pair


def write_pairs(path: Path, pairs: Sequence[Pair]) -> None:
    """Write a table whole or not at all; the source column only where some pair has a source.

    Raises
    ------
    ValueError
        If a pair stands there twice.
    """
    seen: dict[Key, tuple[int, Pair]] = {}
    for line, pair in enumerate(pairs, start=2):
        _put(seen, line, pair)
    columns = _COLUMNS if any(pair.source for pair in pairs) else _COLUMNS[:3]
    notes = list(dict.fromkeys(name for pair in pairs for name in pair.notes))
    cells = ((p, (p.first, p.second, "" if p.label is None else p.label, p.source)[: len(columns)]) for p in pairs)
    replace_csv(path, (*columns, *notes), ((*own, *(p.notes.get(name, "") for name in notes)) for p, own in cells))


def make_pairs(
    ids: Sequence[str], existing: Sequence[Pair] = (), within: Mapping[str, str] | None = None
) -> list[Pair]:
    """All pairs of `ids`, with every pair and label that there already is.

    Parameters
    ----------
    ids : names, each once
    existing : kept as they are and where they are, also where `ids` does not name them
    within : recording -> group; only recordings of the same group are paired, all of them without it

    Returns
    -------
    The existing pairs, then the missing ones in the order of `ids`.

    Raises
    ------
    ValueError
        If a name stands twice in `ids`, or has no group.
    """
    twice = sorted({name for name in ids if ids.count(name) > 1}) if len(set(ids)) < len(ids) else []
    if twice:
        raise ValueError(f"{', '.join(twice)} stands more than once in the list; each name needs to be there once")
    if within is not None and (lost := [name for name in ids if name not in within]):
        raise ValueError(f"{', '.join(lost)} has no group")
    known = {pair.key for pair in existing}
    wanted = (Pair(a, b) for a, b in combinations(ids, 2) if within is None or within[a] == within[b])
    return [*existing, *(pair for pair in wanted if pair.key not in known)]


def recordings_of(pairs: Iterable[Pair]) -> list[str]:
    """Every recording named in the pairs, sorted."""
    return sorted({name for pair in pairs for name in (pair.first, pair.second)})


def answers_of(pairs: Iterable[Pair]) -> dict[Key, int]:
    """Given labels by pair name, read from the name that sorts first."""
    return {p.key: label for p in pairs if p.answered and (label := p.label_from(p.key[0])) is not None}


def read_column(path: Path, column: str) -> dict[str, str]:
    """Recording -> the value of a column in a CSV list of recordings.

    Raises
    ------
    ValueError
        If the list has no such column, a line has nothing there, or a recording two lines; the message names the line.
    """
    found = {}
    for line, name, (cell,) in _lines(path, column):
        if not cell:
            raise ValueError(f"{path.name} line {line}: {name} has no {column}")
        found[name] = cell
    return found


def read_ratings(path: Path, columns: Sequence[str]) -> dict[str, list[float]]:
    """Recording -> its ratings in some columns of a CSV list of recordings; an empty cell is none.

    Raises
    ------
    ValueError
        If the list has no such column, a rating is no finite number, or a recording has two lines; the message names
        the line.
    """
    ratings = {}
    for line, name, cells in _lines(path, *columns):
        try:
            ratings[name] = [_finite(cell) for cell in cells if cell]
        except ValueError as err:
            raise ValueError(f"{path.name} line {line}: {err}") from err
    return ratings


def _finite(cell: str) -> float:
    if not isfinite(number := float(cell)):
        raise ValueError(f"rating {cell} is not finite")
    return number


def read_ids(path: Path) -> list[str]:
    """Names of the recordings in a list: its column `filename` or `id`, or its lines if they hold nothing else.

    Raises
    ------
    ValueError
        If there is no such column, or a line has no name; the message names the line.
    """
    return [name for _, name, _ in _lines(path)]


def _lines(path: Path, *columns: str) -> Iterator[tuple[int, str, list[str]]]:
    """Line, name and cells of some columns for each recording in a list; cells that a line lacks are empty."""
    rows = tables.rows(path)
    header = rows[0][1] if rows else []
    ids: list[str] = [name for name in ("filename", "id") if name in header]
    if not ids and len(header) > 1 and not columns:
        raise ValueError(
            f"{path.name} has no column filename or id, only {', '.join(header)}; without them it holds one name a line"
        )
    if columns and (missing := [name for name in (*(ids or ["filename or id"]), *columns) if name not in header]):
        raise ValueError(f"{path.name} has no column {', '.join(missing)}; it has {', '.join(header)}")
    wanted = [header.index(name) for name in (*ids[:1], *columns)] or [0]
    seen: dict[str, int] = {}
    for line, row in rows[bool(ids) :]:
        tables.refuse_more(path, line, row[len(header) :] if ids else ())
        name, *cells = (row[at] if at < len(row) else "" for at in wanted)
        if not name:
            raise ValueError(f"{path.name} line {line}: a name is needed")
        if columns and name in seen:  # of two values one would be lost
            raise ValueError(f"{path.name} line {line}: {name} is on line {seen[name]} already; keep one")
        seen[name] = line
        yield line, name, cells
