"""The manual runbooks: complete, in the form that the bot reads, and with commands that AWS and a shell understand."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import botocore.session
import pytest
import yaml
from botocore import xform_name

from bot.queries import queries, steps

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "runbooks"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
MATRIX = ("high-cpu", "high-cpu-with-errors", "memory-leak", "errors-few", "errors-many", "slow-response", "unknown")
AUTOMATED = (
    "AIOps-RestartECSService",
    "AIOps-ScaleOutEC2ASG",
    "AIOps-PurgeSQSDLQ",
    "AIOps-RotateLambdaAlias",
    "AIOps-RDSFailover",
    "AIOps-InvalidateCFCache",
)
SECTIONS = ["What the bot does", "Steps", "Verify", "Undo", "Escalate"]
PLACEHOLDER = re.compile(r"(?<!\?)<[a-z][a-z-]*>")  # (?<name> is a group of a regular expression
GLOBAL = {"--query", "--output", "--region", "--max-items"}
SHORTCUTS = {"--paths": "--invalidation-batch"}
"""Options that the command line has in place of a parameter."""
MAX_STEPS, MAX_LINE = 8, 124

_loader = botocore.session.get_session()
_model = cache(_loader.get_service_model)
_waiters = cache(_loader.get_waiter_model)


class Command(NamedTuple):
    """`aws <service> <operation> --option …`, out of a page."""

    page: str
    service: str
    operation: str
    options: tuple[str, ...]
    waiter: str = ""


def pages() -> Iterator[tuple[str, str]]:
    for file in sorted(FOLDER.glob("*.md")):
        yield file.name, file.read_text(encoding="utf-8")


def scripts() -> list[tuple[str, str]]:
    """Every block of shell commands, with values where a page has placeholders."""
    blocks = []
    for page, text in pages():
        for block in re.findall(r"^ *```bash\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
            blocks.append((page, PLACEHOLDER.sub("x", block)))
    return blocks


def commands() -> list[Command]:
    found = []
    for page, script in scripts():
        joined = script.replace("\\\n", " ")
        for part in re.findall(r"\baws [a-z][\w-]* [a-z][\w-]*.*?(?=\baws [a-z][\w-]* [a-z]|\Z)", joined, re.DOTALL):
            _, service, *rest = part.split(maxsplit=2)
            operation, *others = rest[0].split()
            options = re.findall(r"(?<!\S)--[a-z][a-z-]*", _without_quotes(part))
            waiter = others[0] if operation == "wait" else ""
            found.append(Command(page, service, operation, tuple(options), waiter))
    return found


def _without_quotes(text: str) -> str:
    return re.sub(r"'[^']*'|\"[^\"]*\"", "''", text)


@pytest.mark.parametrize("name", [*MATRIX, *AUTOMATED])
def test_every_row_has_a_runbook_in_the_common_form(name: str) -> None:
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert f"[{name}]({name}.md)" in README
    assert "15 minutes" in text
    for ladder in ("on-call engineer", "15 min the team lead", "30 min the engineering manager", "1 h the incident"):
        assert ladder in " ".join(text.split())


@pytest.mark.parametrize("name", [*MATRIX, *AUTOMATED])
def test_the_steps_can_be_shown_in_slack(name: str) -> None:
    found = steps((FOLDER / f"{name}.md").read_text(encoding="utf-8"))
    assert 3 <= len(found) <= MAX_STEPS
    for step in found:
        assert step.text.startswith("**")
        assert len(step.text) <= MAX_LINE
    assert sum(bool(step.command) for step in found) >= len(found) - 2
    assert any(step.text.startswith("**Fix") for step in found)


def test_the_index_lists_every_page_and_no_other() -> None:
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", README))
    assert linked | {"README.md"} == {page for page, _ in pages()}


@pytest.mark.parametrize(("page", "text"), list(pages()))
def test_links_lead_somewhere(page: str, text: str) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (FOLDER / target).exists(), f"{page}: {target}"


def test_every_query_that_a_page_names_is_there() -> None:
    known = set(queries((FOLDER / "cloudwatch-insights-queries.md").read_text(encoding="utf-8")))
    for page, text in pages():
        for named in re.findall(r"[Qq]uer(?:y|ies) ([a-z]+(?:-[a-z]+)*(?: and [a-z]+(?:-[a-z]+)*)?)", text):
            words = [word for word in named.split(" and ") if "-" in word or word in known]
            assert set(words) <= known, page


@pytest.mark.parametrize(("page", "text"), list(pages()))
def test_every_placeholder_is_explained(page: str, text: str) -> None:
    explained = set(PLACEHOLDER.findall("\n".join(line for line in README.splitlines() if line.startswith("| `<"))))
    assert set(PLACEHOLDER.findall(text)) - {"<name>"} <= explained, page


@pytest.mark.parametrize(("page", "script"), scripts())
def test_every_block_is_something_that_a_shell_understands(page: str, script: str) -> None:
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{page}: {done.stderr}"
    assert not re.search(r"date -u -[dv]", script), "GNU and BSD date differ; use seconds"


@pytest.mark.parametrize("command", commands(), ids=lambda command: f"{command.page}-{command.operation}")
def test_every_command_is_one_that_aws_knows(command: Command) -> None:
    model = _model(command.service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if command.operation == "wait":
        assert command.waiter in {xform_name(name, "-") for name in _waiters(command.service).waiter_names}
        return
    assert command.operation in operations
    shape: Any = model.operation_model(operations[command.operation]).input_shape
    members = {f"--{xform_name(name, '-')}" for name in shape.members} if shape else set()
    given = {SHORTCUTS.get(option, option) for option in command.options}
    assert given <= members | GLOBAL
    assert {f"--{xform_name(name, '-')}" for name in (shape.required_members if shape else [])} <= given


def test_there_are_commands_at_all() -> None:
    assert len(commands()) > 100
    assert {"ecs", "cloudwatch", "logs", "xray", "cloudtrail", "health", "ssm", "sqs", "rds", "lambda"} <= {
        command.service for command in commands()
    }


@pytest.mark.parametrize("name", AUTOMATED)
def test_an_automated_runbook_is_started_with_parameters_that_it_has(name: str) -> None:
    document = yaml.safe_load((ROOT / "scripts" / "ssm" / f"{name}.yml").read_text(encoding="utf-8"))
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    (given,) = re.findall(r"--document-name (\S+) .*?--parameters '([^']+)'", text, re.DOTALL)
    assert given[0] == name
    named = {pair.split("=", 1)[0] for pair in given[1].split(",")}
    needed = {key for key, parameter in document["parameters"].items() if "default" not in parameter}
    assert needed <= named <= set(document["parameters"])


SECOND_DOCUMENT = {
    "1. dashboard": r"https://console\.aws\.amazon\.com/cloudwatch/home\?region=<region>#dashboards:name=<dashboard>",
    "2. deployments": r"aws ecs describe-services .*'services\[0\]\.\{deployments:deployments,events:events\[0:10\]\}'",
    "3. revisions": r"aws ecs list-task-definitions --family-prefix <family> --sort DESC --max-results 5",
    "3. rollback": r"aws ecs update-service --cluster <cluster> --service <service> --task-definition <family>:<prev",
    "4. scale": r"aws ecs update-service --cluster <cluster> --service <service> --desired-count <count>",
    "5. restart": r"aws ecs list-tasks .*tr '\\t' '\\n' \| xargs -I \{\} aws ecs stop-task .*"
    r"--reason \"Manual restart during incident\"",
    "verify": r"aws cloudwatch get-metric-statistics --namespace AWS/ECS --metric-name CPUUtilization .*--period 300 "
    r"--statistics Average",
    "baselines": r"python scripts/create_baseline_stats\.py",
    "anomaly": r"python scripts/generate_anomaly\.py \$ALB_DNS",
    "rca": r"aws lambda invoke --function-name aiops-platform-rca .*\"cpu_utilization\":60",
    "rollback function": r"aws lambda invoke --function-name aiops-platform-rollback .*\"reason\":\"Test\"",
}


@pytest.mark.parametrize("what", SECOND_DOCUMENT)
def test_the_commands_of_the_playbook_are_there(what: str) -> None:
    blocks = re.findall(r"^ *```(?:bash|text)\n(.*?)^ *```", "\n".join(text for _, text in pages()), re.M | re.S)
    flat = [" ".join(_one_line(block).split()) for block in blocks]
    assert any(re.search(SECOND_DOCUMENT[what], block) for block in flat)


def _one_line(block: str) -> str:
    """One line for each command."""
    return block.replace("\\\n", " ")


def test_stopping_all_tasks_stops_each_of_them(tmp_path: Path) -> None:
    """What `--output text` prints is one line with tabs, and `xargs -I` takes a line for one task."""
    (script,) = {s for page, s in scripts() if page == "memory-leak.md" and "stop-task" in s}
    fake = tmp_path / "aws"
    log = tmp_path / "log"
    fake.write_text(f'#!/bin/sh\ncase "$2" in list-tasks) printf "a\\tb\\tc\\n";; *) echo "$@" >> {log};; esac\n')
    fake.chmod(0o755)
    subprocess.run(["bash", "-c", script], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True)
    stopped = [shlex.split(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert [line[line.index("--task") + 1] for line in stopped] == ["a", "b", "c"]
