"""The reference performances that a recording is compared with.

They are kept as scores, one per model: a comparison needs no audio of theirs.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from pkai.errors import ModelContractError, RequestError


@dataclass(frozen=True, kw_only=True)
class Reference:
    """One reference performance.

    Attributes
    ----------
    name : unique, short, for commands and requests
    title : for people
    piece : name of the piece, the same for all performances of it
    level : of the player, one of `pkai.calibration.LEVELS`
    scores : model sha256 -> score
    """

    name: str
    title: str
    piece: str
    level: str
    scores: dict[str, float]


def load(path: Path) -> tuple[Reference, ...]:
    """Read a references file, a JSON list of objects with the fields of `Reference`.

    Raises
    ------
    ModelContractError
        If the file is missing or an entry has other fields.
    """
    try:
        references = tuple(Reference(**entry) for entry in json.loads(path.read_bytes()))
    except (OSError, TypeError, ValueError) as err:
        raise ModelContractError(f"{path.name} is no list of references: {err}") from err
    names = [reference.name for reference in references]
    if len(set(names)) != len(names):
        raise ModelContractError(f"{path.name} names a reference twice")
    return references


def select(
    references: tuple[Reference, ...], *, model_sha256: str, piece: str | None, names: tuple[str, ...] | None
) -> tuple[Reference, ...]:
    """References to compare with: those named, else those of the piece, else all; scored by the model.

    Raises
    ------
    RequestError
        If a name or the piece is unknown; the message lists what there is.
    """
    scored = tuple(reference for reference in references if model_sha256 in reference.scores)
    if names is not None:
        known = {reference.name: reference for reference in scored}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise RequestError(f"unknown reference {unknown[0]!r}; there are: {', '.join(known)}")
        scored = tuple(known[name] for name in names)
    if piece is None:
        return scored
    of_piece = tuple(reference for reference in scored if reference.piece == piece)
    if not of_piece:
        pieces = sorted({reference.piece for reference in scored})
        raise RequestError(f"no reference performance of piece {piece!r}; there are: {', '.join(pieces)}")
    return of_piece
