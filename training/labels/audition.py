"""Finding the recordings of a set, and playing them."""

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from unicodedata import normalize

# What lies beside recordings without being one.
_NOT_SOUND = (".csv", ".json", ".md", ".part", ".txt")
_PLAYERS: tuple[tuple[str, ...], ...] = (
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error"),
    ("mpv", "--no-video", "--really-quiet"),
    ("afplay",),
    ("aplay", "--quiet"),
)


def find_recordings(folder: Path, names: Iterable[str]) -> dict[str, Path]:
    """Name -> file, for those of `names` that a file in the folder or below it has, with its suffix or without.

    A letter with an accent is the same whether it is one character or two, as some archives write it.

    Raises
    ------
    ValueError
        If two files have the same name, or the folder is none.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder of recordings")
    wanted = {normalize("NFC", name): name for name in names}
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        for composed in {normalize("NFC", path.name), normalize("NFC", path.stem)} & wanted.keys():
            name = wanted[composed]
            if path.suffix.lower() in _NOT_SOUND or not path.is_file():
                continue
            if name in found:
                raise ValueError(f"{found[name]} and {path} are both called {name}; one name, one recording")
            found[name] = path
    return found


def find_player() -> Sequence[str] | None:
    """The command of the first audio player on this machine, or None."""
    return next((command for command in _PLAYERS if shutil.which(command[0])), None)


def play(player: Sequence[str], recording: Path) -> None:
    """Play a recording to its end, or until Ctrl-C.

    Raises
    ------
    ValueError
        If the player cannot play it.
    """
    try:
        done = subprocess.run([*player, str(recording)], stdin=subprocess.DEVNULL, check=False)  # noqa: S603 (no shell)
    except KeyboardInterrupt:
        return
    if done.returncode:
        raise ValueError(f"{player[0]} cannot play {recording.name} (exit code {done.returncode})")
