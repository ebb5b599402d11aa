"""Annotation in a terminal: two recordings, one key, saved."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from training.labels.pairs import Pair
from training.labels.session import Session, Taken

_log = logging.getLogger(__name__)

HELP = "1: A is better, 0: equal, -1: B is better, a/b: hear again, s: skip, u: undo, q: quit"

Play = Callable[[Path], None]


@dataclass(frozen=True)
class Terminal:
    """Where a session is shown, heard and answered.

    Attributes
    ----------
    ask : prompt -> what was typed; EOFError at the end of the input
    tell : shows a line
    recordings : name -> file, for those there are
    play : plays a file; None where no player is there
    """

    ask: Callable[[str], str]
    tell: Callable[[str], None]
    recordings: Mapping[str, Path]
    play: Play | None = None


def annotate(session: Session, terminal: Terminal) -> None:
    """Ask pair after pair until nothing is left, or the annotator quits."""
    terminal.tell(HELP)
    while (pair := session.next()) is not None:
        done = session.progress
        terminal.tell(f"\n[{done.answered} answered, {done.inferred} follow, {done.unknown} to go]")
        terminal.tell(f"A: {pair.first}   B: {pair.second}")
        _hear(terminal, pair.first, pair.second)
        if not _take(session, pair, terminal):
            break
    done = session.progress
    terminal.tell(f"{done.answered} answered, {done.inferred} follow, {done.unknown} to go; in {session.path}")


def _take(session: Session, pair: Pair, terminal: Terminal) -> bool:
    """Read keys until the pair is done with; False to quit."""
    while True:
        try:
            key = terminal.ask("> ").strip().lower()
        except EOFError:
            return False
        if key == "q":
            return False
        if key in ("1", "0", "-1", "u"):
            try:
                _change(session, pair, key, terminal)
            except (ValueError, OSError) as err:  # a full disk, or a table that somebody else changed
                terminal.tell(f"not saved: {err}")
            return True
        if key == "s":
            session.skip(pair)
            return True
        if key in ("a", "b"):
            _hear(terminal, pair.first if key == "a" else pair.second)
        else:
            terminal.tell(HELP)


def _change(session: Session, pair: Pair, key: str, terminal: Terminal) -> None:
    if key == "u":
        last = session.undo()
        terminal.tell("nothing to undo" if last is None else f"undone {last.first} {last.second} {last.label}")
    else:
        _tell_taken(terminal, session.answer(pair, int(key)), pair, key)


def _tell_taken(terminal: Terminal, taken: Taken, pair: Pair, key: str) -> None:
    terminal.tell(f"saved {pair.first} {pair.second} {key}")
    if taken.contradiction is not None:
        terminal.tell(f"  at odds with earlier answers (u takes it back): {taken.contradiction.cycle}")
    for followed, why in taken.followed:
        terminal.tell(f"  so {followed.first} {followed.second} {followed.label}: {why}")


def _hear(terminal: Terminal, *names: str) -> None:
    if terminal.play is None:
        return
    for name in names:
        if name not in terminal.recordings:
            terminal.tell(f"no recording of {name} is here")
            continue
        try:
            terminal.play(terminal.recordings[name])
        except ValueError as err:
            _log.warning("%s", err)
