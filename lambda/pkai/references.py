"""The reference performances that a recording is compared with.

They are kept as scores, one per model, and as the chroma by which their piece is recognised: a comparison needs no
audio of theirs.
"""

import dataclasses
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from pkai.assessment import ReferenceIdentity
from pkai.calibration import LEVELS, Calibration
from pkai.errors import ModelContractError, RequestError

FILE_NAME = "references.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")


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
    chroma : what was played, as `pkai.chroma.pack` writes it; empty if it is not to be recognised
    """

    name: str
    title: str
    piece: str
    level: str
    scores: dict[str, float]
    chroma: str = ""


def rated(reference: Reference, calibration: Calibration, *, model_sha256: str) -> ReferenceIdentity:
    """A reference with its rating by a model that has scored it."""
    return ReferenceIdentity(
        name=reference.name,
        title=reference.title,
        piece=reference.piece,
        level=reference.level,
        rating=calibration.rating(reference.scores[model_sha256]),
    )


def parse(document: bytes, *, where: str) -> tuple[Reference, ...]:
    """Read references: a JSON list of objects with the fields of `Reference`.

    Parameters
    ----------
    document : the JSON
    where : it was found, for the message

    Raises
    ------
    ModelContractError
        If it is no such list.
    """
    try:
        entries = json.loads(document)
        if not isinstance(entries, list):
            raise ValueError("it must begin with [")
        references = tuple(_checked(Reference(**entry)) for entry in entries)
    except (TypeError, ValueError, AttributeError) as err:
        raise ModelContractError(f"{where} is no list of references: {err}") from err
    names = [reference.name for reference in references]
    if len(set(names)) != len(names):
        raise ModelContractError(f"{where} names a reference twice")
    return references


def _checked(reference: Reference) -> Reference:
    for field in ("name", "title", "piece", "level", "chroma"):
        if not isinstance(value := getattr(reference, field), str):
            raise ValueError(f"{field} is {value!r}; it must be text")
    for score in reference.scores.values():
        if not isinstance(score, int | float) or not math.isfinite(score):
            raise ValueError(f"a score of {reference.name!r} is {score!r}; it must be a finite number")
    return reference


def document(references: Iterable[Reference]) -> bytes:
    """References as they are kept: JSON that a person can read and a diff can show."""
    plain = [dataclasses.asdict(reference) for reference in references]
    return (json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def described(*, piece: str, level: str, title: str, name: str | None) -> Reference:
    """A reference that nobody has heard yet; its name is made of piece and level unless it is given.

    Raises
    ------
    RequestError
        If a part of it cannot be right.
    """
    reference = Reference(name=name or f"{piece}-{level}", title=title.strip(), piece=piece, level=level, scores={})
    for what, text in (("piece", reference.piece), ("name", reference.name)):
        if not _NAME.fullmatch(text):
            raise RequestError(
                f"the {what} is {text!r}; it must be of a-z, 0-9, - and _, 100 at most, such as fur-elise"
            )
    if level not in LEVELS:
        raise RequestError(f"the level is {level!r}; it must be one of {', '.join(LEVELS)}")
    if not reference.title:
        raise RequestError("the title is empty; give one for people, such as 'Für Elise, my teacher'")
    try:
        reference.title.encode()
    except UnicodeEncodeError as err:
        raise RequestError(f"the title is {reference.title!r}; it must be UTF-8, as other texts here") from err
    return reference


def joined(known: tuple[Reference, ...], added: Reference, *, replace: bool) -> tuple[Reference, ...]:
    """The known references with one more, or with one in place of that of the same name; as they are if it is there.

    Raises
    ------
    RequestError
        If the name is taken, and not to be replaced.
    """
    if added in known:
        return known
    if all(reference.name != added.name for reference in known):
        return (*known, added)
    if not replace:
        raise RequestError(f"there is a reference {added.name!r} already; choose another with --name, or --replace it")
    return tuple(added if reference.name == added.name else reference for reference in known)


def unscored(references: tuple[Reference, ...], *, model_sha256: str) -> tuple[Reference, ...]:
    """References that the model has not scored: nothing can be compared with them until they are added again."""
    return tuple(reference for reference in references if model_sha256 not in reference.scores)


def select(
    references: tuple[Reference, ...], *, model_sha256: str, piece: str | None, names: tuple[str, ...] | None
) -> tuple[Reference, ...]:
    """References to compare with: those named, else those of the piece, else all; scored by the model.

    Raises
    ------
    RequestError
        If a name or the piece is unknown, or has no score by the model; the message lists what there is.
    """
    scored = tuple(reference for reference in references if model_sha256 in reference.scores)
    chosen = scored
    if names is not None:
        known = {reference.name: reference for reference in scored}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise RequestError(f"{_lack(unknown[0], references)}; there are: {', '.join(known)}")
        chosen = tuple(known[name] for name in dict.fromkeys(names))
    pieces = sorted({reference.piece for reference in scored})
    if piece is not None and piece not in pieces:
        raise RequestError(f"no reference performance of piece {piece!r}; there are: {', '.join(pieces)}")
    of_piece = tuple(reference for reference in chosen if piece in (None, reference.piece))
    if chosen and not of_piece:
        raise RequestError(f"none of the references named is of piece {piece!r}; name others, or no piece")
    return of_piece


def _lack(name: str, references: tuple[Reference, ...]) -> str:
    if any(reference.name == name for reference in references):
        return f"reference {name!r} has no score by this model; `pkai references add --replace` gives it one"
    return f"unknown reference {name!r}"
