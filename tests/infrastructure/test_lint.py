"""AWS's own linters and checkov on every template, and a reason beside each check that is left out."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from samcli.yamlhelper import yaml_parse

from conftest import ROOT, need
from local_aws import ENVIRONMENT

TEMPLATE = ROOT / "template.yaml"
TEMPLATES = [TEMPLATE, *sorted((ROOT / "infra").glob("*.yaml"))]
MAX_BYTES = 51_200  # of a template that comes without a bucket
CHECKOV = Path(os.environ.get("PKAI_CHECKOV", ROOT / ".venv-checkov" / "bin" / "checkov"))


def test_sam_finds_the_template_valid(tmp_path: Path) -> None:
    _passes(_beside_python("sam"), "validate", "--lint", "--template", str(TEMPLATE), home=tmp_path)


def test_cfn_lint_finds_nothing(tmp_path: Path) -> None:
    _passes(_beside_python("cfn-lint"), *map(str, TEMPLATES), home=tmp_path)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_cloudformation_takes_the_file_as_it_is(template: Path) -> None:
    """`sam` would resolve aliases and upload what is large; `aws cloudformation deploy` sends the file itself."""
    text = template.read_text(encoding="utf-8")
    aliases = [token.start_mark.line + 1 for token in yaml.scan(text) if isinstance(token, yaml.AliasToken)]
    assert not aliases, "CloudFormation refuses aliases"
    assert len(text.encode()) <= MAX_BYTES


def test_checkov_finds_nothing(tmp_path: Path) -> None:
    need(CHECKOV.is_file(), "checkov (make checkov-venv, or set PKAI_CHECKOV)")
    files = [part for template in TEMPLATES for part in ("--file", str(template))]
    _passes(CHECKOV, "--framework", "cloudformation", "--skip-download", "--quiet", "--compact", *files, home=tmp_path)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_each_check_left_out_has_its_reason_beside_it(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    assert "checkov:skip" not in text, "skips stand in the Metadata, where they need a comment"
    for skip in _skips(yaml_parse(text)):
        assert len(skip["comment"].split()) >= 8, skip
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if "ignore_checks" in line:
            assert lines[number - 1].lstrip().startswith("#"), f"line {number + 1} gives no reason"


def _skips(document: dict[str, Any]) -> list[dict[str, str]]:
    return [
        skip
        for resource in document["Resources"].values()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]


def _beside_python(tool: str) -> Path:
    path = Path(sys.executable).with_name(tool)
    need(path.is_file(), tool)
    return path


def _passes(tool: Path, *arguments: str, home: Path) -> None:
    quiet = {"HOME": str(home), "SAM_CLI_TELEMETRY": "0", "PATH": os.environ["PATH"]}
    done = subprocess.run([tool, *arguments], env={**ENVIRONMENT, **quiet}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
