"""What tests share: the seeded generator, the tiny model, and where optional data lies."""

import os
from pathlib import Path

import hypothesis
import numpy as np
import pytest

import piano_tone
import recording_files
import tiny_model
from pkai.segments import SegmentConfig

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = Path(os.environ.get("PKAI_SHARED_DATA", ROOT.parent / "shared" / "data"))

# Of its own in each process of xdist, before anything imports numba: where two processes fill one cache of librosa's
# functions at once, each later one that reads it may crash (numba's issue 10128).
os.environ["NUMBA_CACHE_DIR"] = str(ROOT / ".pytest_cache" / "numba" / os.environ.get("PYTEST_XDIST_WORKER", "main"))

# The same examples in every run, and no deadline: both would make the gate depend on luck and on the machine's load.
hypothesis.settings.register_profile("gate", derandomize=True, deadline=None, max_examples=60)
hypothesis.settings.load_profile("gate")


def need(present: bool, what: str) -> None:
    """Skip the test where `what` is absent, unless PKAI_REQUIRE_ALL=1 makes that a failure."""
    if not present:
        if os.environ.get("PKAI_REQUIRE_ALL") == "1":
            pytest.fail(f"{what} is absent, and PKAI_REQUIRE_ALL=1 allows no skip")
        pytest.skip(f"needs {what}")


@pytest.fixture
def one_thread() -> None:
    """Let torch compute on one thread: the same sums in the same order."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def rng() -> np.random.Generator:
    """The same random numbers in every run."""
    return np.random.default_rng(20_170_301)


@pytest.fixture(scope="session")
def model_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with the tiny model as "pdr" and as "apr", and three references."""
    root = tmp_path_factory.mktemp("model")
    for name in ("pdr", "apr"):
        tiny_model.write(root, name=name)
    return root


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of rated performances and real recordings, where there is one."""
    need(SHARED_DATA.is_dir(), f"the data folder {SHARED_DATA} (set PKAI_SHARED_DATA)")
    return SHARED_DATA


@pytest.fixture(scope="module")
def short_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that judges half a second."""
    segments = SegmentConfig(snippet_s=0.5, hop_s=0.25)
    root = tmp_path_factory.mktemp("short")
    for name in ("pdr", "apr"):
        tiny_model.write(root, name=name, segments=segments)
    return root


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A second of a made-up piano."""
    path = tmp_path_factory.mktemp("recording") / "piano.wav"
    return recording_files.write(path, piano_tone.notes(1.0, 22_050)).read_bytes()
