"""With which references a recording is compared: those asked for, those of its piece, or all as a ladder."""

from collections.abc import Iterator
from dataclasses import dataclass

from pkai import references
from pkai.assessment import Notice, PieceIdentity
from pkai.features import Frames
from pkai.references import Reference

UNKNOWN_PIECE = PieceIdentity(name=None, confidence=0.0, how="unknown")
_N_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Selection:
    """References to compare with, the piece that they are of, and what its reader should know about the choice."""

    references: tuple[Reference, ...]
    piece: PieceIdentity = UNKNOWN_PIECE
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What an asker wants to be compared with; with neither, the piece is recognised.

    Attributes
    ----------
    piece : its references only
    names : these references only
    """

    piece: str | None = None
    names: tuple[str, ...] | None = None

    @property
    def is_open(self) -> bool:
        """Whether the recording itself decides."""
        return self.piece is None and self.names is None


def refuse(wish: Wish, known: tuple[Reference, ...], *, model_sha256: str) -> None:
    """Refuse a wish that cannot be met, before anything is decoded.

    Raises
    ------
    RequestError
        If a name or the piece is unknown, or has no score by the model.
    """
    references.select(known, model_sha256=model_sha256, piece=wish.piece, names=wish.names)


def choose(wish: Wish, known: tuple[Reference, ...], *, model_sha256: str, chroma: Frames | None = None) -> Selection:
    """Choose among the references that the model has scored.

    Parameters
    ----------
    wish : of the asker
    known : all references
    model_sha256 : of the model that scores
    chroma : (S, 12) loudness of what was played, to recognise its piece by; needed if the wish is open

    Raises
    ------
    RequestError
        As `refuse`.
    """
    chosen = references.select(known, model_sha256=model_sha256, piece=wish.piece, names=wish.names)
    if not wish.is_open:
        pieces = {reference.piece for reference in chosen}
        name = wish.piece or (pieces.pop() if len(pieces) == 1 else None)
        piece = PieceIdentity(name=name, confidence=1.0, how="named") if name else UNKNOWN_PIECE
        concerned = tuple(one for one in known if wish.names is None and one.piece == wish.piece)
    else:
        piece = _recognised(chosen, chroma)
        concerned = tuple(one for one in known if piece.name in (None, one.piece))
        chosen = tuple(one for one in chosen if piece.name in (None, one.piece))
    notices = (*_told_of_piece(piece, chosen if wish.is_open else ()), *_told_of_scores(concerned, model_sha256))
    return Selection(references=chosen, piece=piece, notices=notices)


def _recognised(chosen: tuple[Reference, ...], chroma: Frames | None) -> PieceIdentity:
    from pkai import recognition  # only here: who names the piece does not wait for it

    if chroma is None:
        return UNKNOWN_PIECE
    found = recognition.recognise(chroma, chosen)
    if found.is_sure:
        return PieceIdentity(name=found.piece, confidence=found.confidence, how="recognised")
    return PieceIdentity(name=None, confidence=found.confidence, how="unknown")


def _told_of_piece(piece: PieceIdentity, chosen: tuple[Reference, ...]) -> Iterator[Notice]:
    if piece.how == "unknown" and chosen:
        pieces = sorted({reference.piece for reference in chosen})
        yield Notice(
            code="unknown_piece",
            message=f"the piece is none that was recognised ({', '.join(pieces)}), so it is compared with all "
            "references; ratings compare best within a piece, so name it if it is one of these",
        )


def _told_of_scores(concerned: tuple[Reference, ...], model_sha256: str) -> Iterator[Notice]:
    missing = references.unscored(concerned, model_sha256=model_sha256)
    if missing:
        named = ", ".join(reference.name for reference in missing[:_N_NAMED])
        more = f" and {len(missing) - _N_NAMED} more" if len(missing) > _N_NAMED else ""
        yield Notice(
            code="references_unscored",
            message=f"left out, as this model has not scored them: {named}{more}; "
            "`pkai references add --replace` gives them their scores",
        )
