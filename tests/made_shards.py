"""Shards of a ladder, small enough to train on in a second."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from pkai.features import FeatureConfig
from training.ladder.flaws import FAMILIES


def write(
    folder: Path, *, parts: Iterable[str] = ("train", "validation"), pieces: tuple[str, str] = ("a", "a")
) -> Path:
    """Two excerpts, one of each of the pieces, in three versions each: the worse, the darker."""
    (folder / "ladder.json").write_text(
        json.dumps({"pieces": pieces, "features": asdict(FeatureConfig())}), encoding="utf-8"
    )
    rng = np.random.default_rng(1)
    severity = np.tile([0.0, 0.6, 1.2], 2).astype(np.float32)
    for part in parts:
        frames = rng.normal(0, 0.3, (6, 100, 96)) - severity[:, None, None]
        np.savez(
            folder / f"{part}-000.npz",
            frames=frames.reshape(600, 96).astype(np.float16),
            damage=np.repeat(severity / len(FAMILIES), 4)[:, None].repeat(len(FAMILIES), 1).astype(np.float16),
            places=np.tile(np.linspace(0, 1, 4, dtype=np.float32), 6),
            lengths=np.full(6, 100),
            label_lengths=np.full(6, 4),
            excerpt=np.repeat([0, 1], 3),
            pieces=np.repeat(pieces, 3),
            severity=severity,
        )
    return folder
