"""What can be known of a runbook before it runs: held against AWS's own service models, as botocore has them."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
from botocore.model import OperationModel, ServiceModel, Shape

from sandbox.aws.automation.document import (
    ASSERT,
    BRANCH,
    WAIT,
    ApiInputs,
    BranchInputs,
    Document,
    Json,
    Parameter,
    PropertyInputs,
    Step,
    variables,
)
from sandbox.aws.automation.parameters import ParametersError, check
from sandbox.aws.automation.values import EVERY, REFERENCE, PathPart, SelectorError, path_of, references

MAX_SECONDS = 900
SYSTEM = {"automation:EXECUTION_ID": "String", "global:DATE": "String", "global:REGION": "String"}
FITS = {
    "string": ("String",),
    "integer": ("Integer",),
    "long": ("Integer",),
    "boolean": ("Boolean",),
    "list": ("StringList", "MapList"),
    "map": ("StringMap",),
    "structure": ("StringMap",),
}
BECOMES = {"integer": ("Integer", "String"), "long": ("Integer", "String"), "boolean": ("Boolean", "String")}


@cache
def service_model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def operation(service: str, api: str) -> OperationModel | None:
    model = service_model(service)
    return model.operation_model(api) if api in model.operation_names else None


def problems(document: Document) -> list[str]:
    """All that is wrong with it; each begins with where."""
    found = [*_parameters(document), *_way(document), *_outputs(document)]
    for step in document.main_steps:
        found += [f"{step.name}: {problem}" for problem in [*_step(step), *_references(document, step)]]
        if step.action == BRANCH:
            found += [f"{step.name}: {problem}" for problem in _branch(document, step)]
        else:
            found += [f"{step.name}: {problem}" for problem in _api(document, step)]
    return found


def _parameters(document: Document) -> Iterator[str]:
    used = set(references([document.assume_role, *(s.inputs for s in document.main_steps)]))
    for name, parameter in document.parameters.items():
        if name not in used:
            yield f"parameter {name} is not used"
        yield from (f"parameter {name} {problem}" for problem in _parameter(name, parameter))


def _parameter(name: str, parameter: Parameter) -> Iterator[str]:
    if not parameter.description.startswith("(Required)" if parameter.is_required else "(Optional)"):
        yield "does not say whether it is required"
    if not parameter.allowed_pattern and not parameter.allowed_values:
        yield "takes anything"
    if parameter.allowed_pattern and not (
        parameter.allowed_pattern.startswith("^") and parameter.allowed_pattern.endswith("$")
    ):
        yield "has a pattern without ends"
    if not parameter.is_required:
        alone = Document.model_construct(schema_version="0.3", parameters={name: parameter}, main_steps=())
        try:
            check(alone, {name: [str(parameter.default)]})
        except ParametersError as error:
            yield f"has a default that it refuses: {error}"


def _way(document: Document) -> Iterator[str]:
    """Every step can be reached, says where to go, and the longest way ends in time."""
    first = document.main_steps[0].name
    for name in {s.name for s in document.main_steps} - document.reachable(first):
        yield f"{name}: cannot be reached"
    for step in document.main_steps:
        if step.action != BRANCH and step.is_end == bool(step.next_step):
            yield f"{step.name}: needs either nextStep or isEnd"
    if (longest := seconds(document, first)) > MAX_SECONDS:
        yield f"may take {longest} s"


def seconds(document: Document, name: str) -> int:
    """The longest that it may take from this step on."""
    after = max((seconds(document, following) for following in document.following(name)), default=0)
    step = document.step(name)
    return (step.timeout_seconds or 0) * step.max_attempts + after


def _outputs(document: Document) -> Iterator[str]:
    for name in document.outputs:
        if kind_of(document, name) is None or "." not in name:
            yield f"output {name} comes from nowhere"


def kind_of(document: Document, name: str) -> str | None:
    """The type of what a reference stands for."""
    if name in document.parameters:
        return document.parameters[name].type
    step, _, output = name.partition(".")
    steps = {s.name: s for s in document.main_steps}
    if step in steps:
        return next((o.type for o in steps[step].outputs if o.name == output), None)
    return SYSTEM.get(name)


def _step(step: Step) -> Iterator[str]:
    if not step.description:
        yield "has no description"
    if step.action == BRANCH:
        return
    if step.timeout_seconds is None:
        yield "has no timeoutSeconds"
    if "on_failure" not in step.model_fields_set:
        yield "does not say what happens onFailure"
    if step.on_failure != "Abort" and step.is_critical is None:
        yield "goes on after a failure and does not say whether that counts"


def _references(document: Document, step: Step) -> Iterator[str]:
    """To something that exists, and that was done before, whichever way was taken."""
    for name in references(step.inputs):
        if kind_of(document, name) is None:
            yield f"{{{{ {name} }}}} stands for nothing"
        elif "." in name and name.partition(".")[0] not in before(document, step.name):
            yield f"{{{{ {name} }}}} may not be there yet"


def before(document: Document, name: str) -> set[str]:
    """The steps without which this one is not reached."""
    first = document.main_steps[0].name
    names = {s.name for s in document.main_steps} - {name}
    return {without for without in names if name not in _reachable_without(document, first, without)}


def _reachable_without(document: Document, name: str, without: str) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        at = waiting.pop()
        if at not in found and at != without:
            found.add(at)
            waiting += document.following(at)
    return found


def _branch(document: Document, step: Step) -> Iterator[str]:
    wanted = BranchInputs.model_validate(step.inputs)
    if not wanted.default and not step.is_end:
        yield "needs a Default or isEnd"
    for choice in wanted.choices:
        for variable, compare, value in variables({k: v for k, v in choice.items() if k != "NextStep"}):
            found = REFERENCE.fullmatch(str(variable))
            if not found:
                yield f"{variable} is no reference"
                continue
            yield from _comparison(document, compare, kind_of(document, found[1]), value)


def _comparison(document: Document, compare: str, kind: str | None, value: Any) -> Iterator[str]:
    wanted, types = {"N": ("Integer", int), "B": ("Boolean", bool)}.get(compare[0], ("String", str))
    if kind != wanted:
        yield f"{compare} compares a {kind}"
    if type(value) is not types:
        yield f"{compare} compares with {value!r}"
    for name in references(value):
        if kind_of(document, name) != wanted:
            yield f"{compare} compares with a {kind_of(document, name)}"


def _api(document: Document, step: Step) -> Iterator[str]:
    wanted = (PropertyInputs if step.action in (WAIT, ASSERT) else ApiInputs).model_validate(step.inputs)
    model = operation(wanted.service, wanted.api)
    if model is None:
        yield f"{wanted.service} has no operation {wanted.api}"
        return
    yield from _fits(document, wanted.sent, model.input_shape, wanted.api)
    if isinstance(wanted, PropertyInputs):
        yield from _selected(model, wanted.property_selector, "String")
    for output in step.outputs:
        yield from _selected(model, output.selector, output.type)


def _fits(document: Document, value: Any, shape: Any, where: str) -> Iterator[str]:
    """Whether a value, with references in it, is one that the operation takes there."""
    alone = REFERENCE.fullmatch(value.strip()) if isinstance(value, str) else None
    if alone:
        if (kind := kind_of(document, alone[1])) not in FITS[shape.type_name]:
            yield f"{where} takes a {shape.type_name}, {alone[1]} is a {kind}"
    elif shape.type_name == "structure" and isinstance(value, dict):
        yield from _members(document, value, shape, where)
    elif shape.type_name == "list" and isinstance(value, list):
        for part in value:
            yield from _fits(document, part, shape.member, f"{where}[]")
    elif shape.type_name == "map" and isinstance(value, dict):
        for part in value.values():
            yield from _fits(document, part, shape.value, f"{where}.*")
    else:
        yield from _scalar(value, shape, where)


def _members(document: Document, value: Json, shape: Any, where: str) -> Iterator[str]:
    yield from (f"{where} has no {name}" for name in set(value) - set(shape.members))
    yield from (f"{where} needs {name}" for name in set(shape.required_members) - set(value))
    for name in set(value) & set(shape.members):
        yield from _fits(document, value[name], shape.members[name], f"{where}.{name}")


def _scalar(value: Any, shape: Any, where: str) -> Iterator[str]:
    types = {"string": str, "boolean": bool, "integer": int, "long": int}
    if type(value) is not types.get(shape.type_name):
        yield f"{where} takes a {shape.type_name}, not {value!r}"
    elif (enum := getattr(shape, "enum", None)) and value not in enum:
        yield f"{where} takes one of {', '.join(enum)}, not {value}"


def _selected(model: OperationModel, selector: str, kind: str) -> Iterator[str]:
    try:
        path = path_of(selector)
    except SelectorError as error:
        yield str(error)
        return
    leaf = _leaf(model.output_shape, path)
    if leaf is None:
        yield f"{model.name} answers nothing at {selector}"
    elif EVERY in path:
        if kind != "StringList":
            yield f"{selector} finds many, not a {kind}"
    elif kind not in BECOMES.get(leaf.type_name, FITS.get(leaf.type_name, ())):
        yield f"{selector} is a {leaf.type_name}, not a {kind}"


def _leaf(shape: Any, path: list[PathPart]) -> Shape | None:
    for part in path:
        if isinstance(part, int) or part == EVERY:
            shape = shape.member if shape.type_name == "list" else None
        elif shape.type_name == "map":
            shape = shape.value
        else:
            shape = shape.members.get(part) if shape.type_name == "structure" else None
        if shape is None:
            return None
    return shape if isinstance(shape, Shape) else None


def actions(document: Document) -> set[str]:
    """The IAM actions that its role needs, as far as operations are called like them."""
    asked = [ApiInputs.model_validate(s.inputs) for s in document.main_steps if s.action != BRANCH]
    return {f"{api.service}:{api.api}" for api in asked}


def pattern_takes(parameter: Parameter, value: str) -> bool:
    return bool(re.fullmatch(parameter.allowed_pattern or ".*", value))
