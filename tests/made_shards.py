"""Shards of a ladder, small enough to train on in a second."""

from pathlib import Path

import numpy as np

from training.ladder.flaws import FAMILIES


def write(folder: Path) -> Path:
    """Two excerpts in three versions each, to train on and to validate with: the worse, the darker."""
    rng = np.random.default_rng(1)
    severity = np.tile([0.0, 0.6, 1.2], 2).astype(np.float32)
    for part in ("train", "validation"):
        frames = rng.normal(0, 0.3, (6, 100, 96)) - severity[:, None, None]
        np.savez(
            folder / f"{part}-000.npz",
            frames=frames.reshape(600, 96).astype(np.float16),
            damage=np.repeat(severity / len(FAMILIES), 4)[:, None].repeat(len(FAMILIES), 1).astype(np.float16),
            lengths=np.full(6, 100),
            label_lengths=np.full(6, 4),
            excerpt=np.repeat([0, 1], 3),
            pieces=np.array(["a"] * 6),
            severity=severity,
        )
    return folder
