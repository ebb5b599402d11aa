"""Recordings of one's own: found by the ids of a table of pairs, and heard by a model as the service hears them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from pkai.errors import RecordingError
from pkai.scorer import Judge

# What lies beside recordings without being one.
_NOT_SOUND = (".csv", ".json", ".md", ".part", ".txt")
_MOST_TOLD = 5


@dataclass(frozen=True)
class Heard:
    """A recording as a model hears it.

    Attributes
    ----------
    score : of the model
    features : (T, n_features) float16 of the played part
    """

    score: float
    features: npt.NDArray[np.float16]


def find(folder: Path, ids: Iterable[str]) -> dict[str, Path]:
    """File of each id: the one whose name, with or without its suffix, is the id.

    Raises
    ------
    ValueError
        If an id has no file, or two; the message names the ids.
    OSError
        If there is no such folder.
    """
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix.lower() not in _NOT_SOUND:
            for name in {path.name, path.stem}:
                files.setdefault(name, []).append(path)
    wanted = sorted(set(ids))
    if missing := [name for name in wanted if name not in files]:
        raise ValueError(
            f"{folder} holds no recording of {_listed(missing)}; name each file by its id, as {missing[0]}.mp3"
        )
    if double := [name for name in wanted if len(files[name]) > 1]:
        both = " and ".join(path.name for path in files[double[0]])
        raise ValueError(f"{folder} holds more than one recording of {_listed(double)} ({both}); keep one of each")
    return {name: files[name][0] for name in wanted}


def hear(judge: Judge, files: Mapping[str, Path]) -> dict[str, Heard]:
    """Let a model hear every recording, with a bar of progress.

    Raises
    ------
    ValueError
        If some cannot be judged; the message says which and why.
    """
    heard: dict[str, Heard] = {}
    refused: list[str] = []
    for name, path in tqdm(files.items(), desc="listening", unit="recording"):
        try:
            hearing = judge.hear(path)
        except RecordingError as err:
            refused.append(f"{path.name}: {err}")
        else:
            heard[name] = Heard(hearing.score, hearing.features.astype(np.float16))
    if refused:
        raise ValueError(
            f"{len(refused)} of {len(files)} recordings cannot be judged; mend them or take their pairs out:\n  "
            + "\n  ".join(refused)
        )
    return heard


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_MOST_TOLD]) + (f" and {len(names) - _MOST_TOLD} more" if len(names) > _MOST_TOLD else "")
