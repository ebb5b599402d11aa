"""What `deploy.sh` asks of AWS, and what it does with each answer: AWS and Docker are scripts here."""

import re
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from conftest import ROOT
from resolved_stack import listed, resolved, statements

FORMER = ("ImageUri=former", "Rollout=Canary10Percent15Minutes", "CorsOrigins=")
BUILDER = "arn:aws:iam::111111111111:role/pkai-deploy-role-Builder"
RATED = """echo '{"rating": 61.5}'"""
FAILED = """echo '{"errorType": "ModelError"}'"""
CANNOT_ASK = "echo 'Unknown options: --cli-binary-format' >&2; exit 252"
# Of the commands that do not ask for the action they are named after.
ACTIONS: dict[str, set[str]] = {
    "cloudformation deploy": {"cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet"},
    "cloudformation wait": {"cloudformation:DescribeStacks"},
    "ecr get-login-password": {"ecr:GetAuthorizationToken"},
    "lambda invoke": {"lambda:InvokeFunction"},
    "sts get-caller-identity": set(),  # everybody may
}
AWS = r"""#!/usr/bin/env bash
if [[ $1 == --version ]]; then echo "aws-cli/{version} Python/3.11.7"; exit; fi
shift 2  # the region
printf '%q ' "$@" >>"{log}"; echo >>"{log}"
case "$*" in
    *get-caller-identity*) echo 111111111111 ;;
    *describe-stacks*StackStatus*)
        if [[ -z "{status}" ]]; then echo "Stack with id pkai does not exist" >&2; exit 254; fi
        echo "{status}" ;;
    *describe-stacks*Parameters*) printf '%s\n' {former} | paste --serial ;;
    *get-template*) echo 'the former template' ;;
    "lambda invoke"*)
        if grep --quiet "deploy .*--stack-name pkai " "{log}"; then {answer}; else {former_answer}; fi >"${{@: -1}}" ;;
esac
"""
DOCKER = """#!/usr/bin/env bash
case "$1" in
    pull) exit 1 ;;
    image) echo "111111111111.dkr.ecr.eu-central-1.amazonaws.com/pkai@sha256:new" ;;
esac
"""


@dataclass
class Account:
    """A checkout of the script beside an AWS of scripts."""

    folder: Path
    version: str = "2.9.19"
    status: str = "UPDATE_COMPLETE"  # of the stack; empty where there is none
    former_answer: str = RATED  # of what is deployed before
    answer: str = RATED
    environment: dict[str, str] = field(default_factory=dict)

    def deploy(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        aws = AWS.format(
            version=self.version,
            log=self._log,
            status=self.status,
            former=shlex.join(FORMER),
            former_answer=self.former_answer,
            answer=self.answer,
        )
        for name, text in (("aws", aws), ("docker", DOCKER), ("uname", "#!/bin/sh\necho aarch64\n")):
            program = self.folder / "bin" / name
            program.write_text(text)
            program.chmod(0o755)
        environment = {
            "AWS_REGION": "eu-central-1",
            "HOME": str(self.folder),
            "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
            **self.environment,
        }
        command = [str(self.checkout / "deploy.sh"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)

    @property
    def checkout(self) -> Path:
        """Where the script is."""
        return self.folder / "checkout"

    @property
    def _log(self) -> Path:
        return self.folder / "asked"

    def asked(self, command: str = "") -> list[list[str]]:
        """Each call of AWS that begins so, in order, as its arguments."""
        return [shlex.split(line) for line in self._log.read_text().splitlines() if line.startswith(command)]

    def deployed(self) -> list[tuple[str, ...]]:
        """Parameters of each deployment of the service."""
        calls = [call for call in self.asked("cloudformation deploy") if _after(call, "--stack-name") == "pkai"]
        return [tuple(call[call.index("--parameter-overrides") + 1 :]) for call in calls]


@pytest.fixture
def account(tmp_path: Path) -> Account:
    account = Account(tmp_path)
    (tmp_path / "bin").mkdir()
    for name in ("deploy.sh", "template.yaml", ".dockerignore"):
        target = account.checkout / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    (account.checkout / "deploy.sh").chmod(0o755)
    git = ("git", "-C", account.checkout, "-c", "user.name=test", "-c", "user.email=test@example.com")
    for step in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "all")):
        subprocess.run([*git, *step], check=True)
    return account


def test_a_version_that_rates_stays(account: Account) -> None:
    done = account.deploy("Authorization=OPEN")
    assert done.returncode == 0, done.stderr
    (parameters,) = account.deployed()
    assert re.fullmatch("ImageUri=.+@sha256:new", parameters[0])
    assert parameters[1:] == ("Authorization=OPEN",)


def test_an_answer_without_a_rating_takes_all_traffic_back_at_once(account: Account) -> None:
    account.answer = FAILED
    done = account.deploy()
    assert done.returncode == 1
    assert "the answer holds no rating" in done.stderr
    _, back, then = account.deployed()
    assert back == (*FORMER, "Rollout=AllAtOnce"), "of two values the AWS command line takes the last"
    assert then == FORMER, "the next version is to move in steps again"


def test_a_question_that_could_not_be_asked_takes_nothing_back(account: Account) -> None:
    account.answer = CANNOT_ASK
    done = account.deploy()
    assert done.returncode == 1
    assert len(account.deployed()) == 1
    told = done.stderr.partition("it could not be asked")[2]
    (again,) = re.findall("to ask again: aws --region eu-central-1 (.+)", told)
    assert again.split()[:-1] == account.asked("lambda invoke")[-1][:-1]
    assert "to go back:" in told


def test_what_gave_no_rating_before_is_not_put_back(account: Account) -> None:
    account.former_answer = account.answer = FAILED
    done = account.deploy()
    assert done.returncode == 1
    assert len(account.deployed()) == 1
    assert "Nothing to go back to" in done.stderr


def test_what_could_not_be_asked_before_may_be_put_back(account: Account) -> None:
    account.former_answer, account.answer = CANNOT_ASK, FAILED
    assert account.deploy().returncode == 1
    assert len(account.deployed()) == 3


@pytest.mark.parametrize("version", ["1.45.11", "1.29.0"])
def test_version_1_of_the_command_line_is_refused_before_anything_is_done(account: Account, version: str) -> None:
    account.version = version
    done = account.deploy()
    assert done.returncode == 1
    assert "version 2 of the AWS command line" in done.stderr
    assert f"{account.folder}/bin/aws is aws-cli/{version}" in done.stderr
    assert [call[0] for call in account.asked()] == ["sts"]


@pytest.mark.parametrize("name", [".dockerignore", "template.yaml"])
def test_what_is_not_committed_is_not_deployed(account: Account, name: str) -> None:
    with (account.checkout / name).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    done = account.deploy()
    assert done.returncode == 1
    assert "a commit of what is changed here" in done.stderr


def test_cloudformation_makes_the_service_by_the_role_that_is_named(account: Account) -> None:
    account.answer = FAILED
    account.environment = {"ROLE_ARN": BUILDER}
    account.deploy()
    assert [_after(call, "--role-arn") for call in account.asked("cloudformation deploy")] == 3 * [BUILDER]


def test_a_stack_that_never_came_up_is_removed_first(account: Account) -> None:
    account.status = "ROLLBACK_COMPLETE"
    account.environment = {"ROLE_ARN": BUILDER}
    done = account.deploy()
    assert done.returncode == 0, done.stderr
    (removal,) = account.asked("cloudformation delete-stack")
    assert _after(removal, "--role-arn") == BUILDER
    assert len(account.deployed()) == 1


@pytest.mark.parametrize("status", ["", "ROLLBACK_COMPLETE", "UPDATE_COMPLETE"])
def test_the_role_of_ci_may_do_all_that_the_script_asks(account: Account, status: str) -> None:
    account.status, account.answer = status, FAILED
    account.deploy()
    asked = set().union(*(_actions(*call[:2]) for call in account.asked()))
    role = statements(resolved(ROOT / "infra" / "deploy-role.yaml"), role="Deployer")
    assert asked <= {action for statement in role for action in listed(statement["Action"])}


def _actions(service: str, command: str) -> set[str]:
    named = "".join(word.capitalize() for word in command.split("-"))
    return ACTIONS.get(f"{service} {command}", {f"{service}:{named}"})


def _after(call: list[str], option: str) -> str | None:
    return call[call.index(option) + 1] if option in call else None
