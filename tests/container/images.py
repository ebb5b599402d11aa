"""The images of this checkout, built by the engine, for each architecture."""

from conftest import need
from container import bases, engine

ARCHITECTURES = (bases.AMD64, bases.ARM64)


def lambda_image(architecture: bases.Architecture) -> str:
    """The image of `Dockerfile.lambda` for an architecture; skips where none can be built or run."""
    need(engine.is_running(), "a Docker engine that answers (docker.io; .ci/run starts it)")
    need(engine.emulates(architecture), f"{architecture.machine} programs to run, through qemu (.ci/run sees to it)")
    base = bases.lambda_base(architecture)
    return engine.build("Dockerfile.lambda", f"pkai-test/lambda:{architecture.debian}", architecture, base)
