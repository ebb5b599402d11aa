"""What tests share: the seeded generator, the tiny model, and where optional data lies."""

import os
from pathlib import Path

import hypothesis
import numpy as np
import pytest

import tiny_model

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = Path(os.environ.get("PKAI_SHARED_DATA", ROOT.parent / "shared" / "data"))

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
def rng() -> np.random.Generator:
    """The same random numbers in every run."""
    return np.random.default_rng(20_170_301)


@pytest.fixture(scope="session")
def model_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with the tiny model as "pdr" and three references."""
    return tiny_model.write(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of rated performances and real recordings, where there is one."""
    need(SHARED_DATA.is_dir(), f"the data folder {SHARED_DATA} (set PKAI_SHARED_DATA)")
    return SHARED_DATA
