"""The arrows point one way: training -> pkai <- handler; what each module may import is asserted, not hoped."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT, need

LAMBDA = ROOT / "lambda"
TRAINING = ROOT / "training"
# What each heavy or outward-facing package may be imported by, within lambda/; nothing else there may.
ONLY_IN = {
    "boto3": {"storage.py"},
    "botocore": {"storage.py"},
    "aws_lambda_powertools": {"handler.py", "tracing.py"},
}
# Never in the image: each costs hundreds of MB or seconds of a cold start.
NEVER_IN_LAMBDA = {"torch", "torchaudio", "lightning", "librosa", "scipy", "onnx", "mido", "training"}
# Bottom first: a module may import those of its own layer and of layers before it.
LAYERS = (
    {
        "errors",
        "durable",
        "header",
        "media_types",
        "rows",
        "audio",
        "spectra",
        "features",
        "playing",
        "segments",
        "consensus",
        "calibration",
        "diagnosis",
        "assessment",
        "terminal",
        "advice",
    },
    {"artifact", "references", "chroma", "recognition", "selection", "hearing", "findings", "explanation", "scorer"},
    {"settings", "contract", "store", "storage", "library", "folder", "uploads", "service"},
    {"triggers", "gateway", "page", "routes", "openapi"},
)
# The same of training's packages, whose order is the way from music to figures; plain modules stand at its foot.
TRAINING_LAYERS = (
    {"bounds", "durable", "metrics", "tables"},
    {"datasets", "labels", "music", "networks"},
    {"sound"},
    {"ladder", "people"},
    {"fitting"},
    {"model", "planted"},
    {"evaluation", "fine_tuning"},
    {"held_out", "release"},
    {"commands"},
)


def sources(folder: Path) -> list[Path]:
    """Every Python file under `folder`."""
    found = sorted(folder.rglob("*.py"))
    assert found, f"no Python file under {folder}: the test would prove nothing"
    return found


def imports(path: Path) -> Iterator[str]:
    """Dotted names that a file imports, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None and node.level == 0, f"{path} has a relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def top_imports(path: Path) -> set[str]:
    """Top-level packages that a file imports."""
    return {name.partition(".")[0] for name in imports(path)}


def reads_environment(path: Path) -> bool:
    """Whether a file names os.environ, os.environb or os.getenv in any way."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    words = {"environ", "environb", "getenv"}
    return any(
        (isinstance(node, ast.Attribute) and node.attr in words) or (isinstance(node, ast.alias) and node.name in words)
        for node in ast.walk(tree)
    )


def modules_after(statement: str) -> set[str]:
    """Top-level names in `sys.modules` of a fresh interpreter that ran `statement`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=False,
        cwd=LAMBDA,
    )
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("path", sources(LAMBDA), ids=lambda path: str(path.relative_to(LAMBDA)))
def test_nothing_in_lambda_imports_training_or_what_only_training_needs(path: Path) -> None:
    assert top_imports(path) & NEVER_IN_LAMBDA == set()


@pytest.mark.parametrize("path", sources(LAMBDA / "pkai"), ids=lambda path: path.name)
def test_pkai_never_imports_the_handler(path: Path) -> None:
    allowed = {"commands.py"}  # `pkai invoke` and `pkai serve` run the handler in their own process
    assert "handler" not in top_imports(path) or path.name in allowed


@pytest.mark.parametrize("path", sources(TRAINING), ids=lambda path: str(path.relative_to(TRAINING)))
def test_training_never_imports_the_handler(path: Path) -> None:
    assert "handler" not in top_imports(path)


@pytest.mark.parametrize("package", sorted(ONLY_IN))
def test_an_aws_package_is_imported_in_one_module_only(package: str) -> None:
    importers = {path.name for path in sources(LAMBDA) if package in top_imports(path)}
    assert importers <= ONLY_IN[package]


def test_the_environment_is_read_in_settings_only() -> None:
    readers = {path.name for path in sources(LAMBDA) if reads_environment(path)}
    assert readers == {"settings.py"}


@pytest.mark.parametrize("layer", range(len(LAYERS)))
def test_a_layer_of_pkai_imports_no_layer_above_it(layer: int) -> None:
    allowed = {"__version__"}.union(*LAYERS[: layer + 1])
    for module in LAYERS[layer]:
        named = {name.split(".")[1] for name in imports(LAMBDA / "pkai" / f"{module}.py") if name.startswith("pkai.")}
        assert named <= allowed, module


def part_of_training(name: str) -> str:
    """The package of training/, or the module right in it, of a dotted name; `__main__` calls the commands."""
    part = name.split(".")[1]
    return "commands" if part == "__main__" else part


def parts_of_training() -> dict[Path, str]:
    """Which part of training/ each of its files belongs to."""
    names = {path: ".".join(path.relative_to(TRAINING.parent).with_suffix("").parts) for path in sources(TRAINING)}
    return {path: part_of_training(name) for path, name in names.items() if name != "training.__init__"}


@pytest.mark.parametrize("layer", range(len(TRAINING_LAYERS)))
def test_a_package_of_training_imports_itself_and_layers_below_it(layer: int) -> None:
    below = set().union(*TRAINING_LAYERS[:layer])
    for path, part in parts_of_training().items():
        if part in TRAINING_LAYERS[layer]:
            named = {part_of_training(name) for name in imports(path) if name.startswith("training.")}
            assert named <= below | {part}, path


def test_every_part_of_training_has_its_layer() -> None:
    assert set(parts_of_training().values()) == set().union(*TRAINING_LAYERS)


def test_the_scorer_is_imported_without_the_edges() -> None:
    loaded = modules_after("import pkai.scorer")
    assert loaded & {"pydantic", "boto3", "aws_lambda_powertools", "matplotlib", *NEVER_IN_LAMBDA} == set()


def test_a_cold_start_imports_neither_training_nor_the_storage_client() -> None:
    need((LAMBDA / "handler.py").is_file(), "lambda/handler.py")
    loaded = modules_after("import handler")
    assert {"pkai", "onnxruntime"} <= loaded
    # The bare `botocore` is there, as Powertools names itself to it; the client's HTTP library tells of real use.
    assert loaded & {"boto3", "urllib3", "aws_xray_sdk", "matplotlib", *NEVER_IN_LAMBDA} == set()
