"""Write the golden arrays anew: `PYTHONPATH=lambda:tests python tests/golden/make.py`.

Only on a wanted change of the front end: weights trained before it no longer fit what it computes.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

import piano_tone
from pkai.features import FeatureConfig, mel_frames, normalise

FOLDER = Path(__file__).resolve().parent
DURATION_S = 2.0


def features(config: FeatureConfig) -> npt.NDArray[np.float32]:
    """Features of two seconds of the made-up piano."""
    y = piano_tone.notes(DURATION_S, config.sample_rate)
    return normalise(mel_frames([y], config), config)


def path(config: FeatureConfig) -> Path:
    """Where the golden array of a configuration lies."""
    return FOLDER / f"{config.kind}.npy"


def main() -> None:
    """Write one array for each kind of features."""
    for config in (FeatureConfig(), FeatureConfig(kind="mfcc")):
        np.save(path(config), features(config))
        print(f"wrote {path(config).name}")


if __name__ == "__main__":
    main()
