"""Makes one template of aiops-bot.yml and the files it includes: the state machine and the six runbooks.

    python infra/build.py            writes infra/build/aiops-bot.json
    python infra/build.py --check    writes nothing; exit code 1 says that it could not be made

An include is written as CloudFormation's own, {"Fn::Transform": {"Name": "AWS::Include", …}}, with a path from the
template in place of an address in S3. A runbook gets its role's ARN as the default of its `AutomationAssumeRole`:
`<Name>Document` runs as `<Name>Role`, and nobody who starts it has to know.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "aiops-bot.yml"
TARGET = HERE / "build" / "aiops-bot.json"
ROLE_PARAMETER = "AutomationAssumeRole"
ASSUMED = "{{ AutomationAssumeRole }}"
MAX_INLINE = 51_200
"""Bytes of a template that is sent as it is; a larger one goes by way of S3.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""
MAX_BYTES = 1_000_000

Json = dict[str, Any]


class BuildError(Exception):
    """The template can't be made; the text says why."""


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, `!Ref` and the like, written out."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> Json:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    if isinstance(node, yaml.MappingNode):
        return {name: loader.construct_mapping(node, deep=True)}
    assert isinstance(node, yaml.ScalarNode)
    said = str(loader.construct_scalar(node))
    return {name: said.split(".", 1) if suffix == "GetAtt" else said}


_Loader.add_multi_constructor("!", _short_form)


def build(source: Path = SOURCE) -> Json:
    """The whole template. Raises BuildError."""
    template: Json = _included(_read(source), source.parent)
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::SSM::Document":
            _give_role(template["Resources"], name, resource["Properties"])
    return template


def rendered(template: Json) -> str:
    """As it is deployed: without a blank too many, for the limit."""
    return json.dumps(template, ensure_ascii=False, separators=(",", ":")) + "\n"


def _read(path: Path) -> Json:
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if path.suffix == ".json" else yaml.load(text, _Loader)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BuildError(f"{path}: {error}") from error
    if not isinstance(found, dict):
        raise BuildError(f"{path}: there is no mapping in it")
    return found


def _included(node: Any, folder: Path) -> Any:
    """The same with each include replaced by what it names."""
    if isinstance(node, list):
        return [_included(each, folder) for each in node]
    if not isinstance(node, dict):
        return node
    transform = node.get("Fn::Transform")
    if transform and transform["Name"] == "AWS::Include":
        return _read(folder / transform["Parameters"]["Location"])
    return {key: _included(value, folder) for key, value in node.items()}


def _give_role(resources: Json, name: str, properties: Json) -> None:
    role, content, title = f"{name.removesuffix('Document')}Role", properties["Content"], properties["Name"]
    if role not in resources:
        raise BuildError(f"{title} has no role: there is no {role}")
    if content.get("assumeRole") != ASSUMED:
        raise BuildError(f"{title} must have assumeRole: “{ASSUMED}”")
    if ROLE_PARAMETER not in content.get("parameters", {}):
        raise BuildError(f"{title} has no parameter {ROLE_PARAMETER}")
    content["parameters"][ROLE_PARAMETER]["default"] = {"Fn::GetAtt": [role, "Arn"]}


def _write(text: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def main(arguments: list[str] | None = None, say: Callable[[str], object] = print) -> int:
    parser = argparse.ArgumentParser(description="Makes one template of infra/aiops-bot.yml and what it includes.")
    parser.add_argument("--check", action="store_true", help="only see whether it can be made")
    parser.add_argument("--output", type=Path, default=TARGET, help="where to write it (%(default)s)")
    given = parser.parse_args(arguments)
    try:
        text = rendered(build())
    except BuildError as error:
        say(str(error))
        return 1
    size = len(text.encode())
    if size > MAX_BYTES:
        say(f"{size} bytes are more than the {MAX_BYTES} that CloudFormation takes")
        return 1
    if not given.check:
        _write(text, given.output)
    way = "by way of S3 (--s3-bucket)" if size > MAX_INLINE else "as it is"
    say(f"{SOURCE.name if given.check else given.output}: {size} bytes, which CloudFormation takes {way}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
