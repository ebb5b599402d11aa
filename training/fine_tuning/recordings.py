"""Recordings of one's own: found by the ids of a table of pairs, and heard by a model as the service hears them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from pkai.errors import RecordingError
from pkai.scorer import Judge
from training.labels.audition import find_recordings

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
    """File of each id, in their order: the one in the folder or below whose name, with or without suffix, is the id.

    Raises
    ------
    ValueError
        If there is no such folder, or an id has no file, or two; the message names the ids.
    """
    wanted = sorted(set(ids))
    files = find_recordings(folder, wanted)
    if missing := [name for name in wanted if name not in files]:
        raise ValueError(
            f"{folder} holds no recording of {_listed(missing)}; name each file by its id, as {missing[0]}.mp3"
        )
    return {name: files[name] for name in wanted}


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
