"""What somebody gives to an automation, held against what its document wants."""

import json
import re
from typing import Any

from sandbox.aws.automation.document import Document, Parameter
from sandbox.aws.automation.values import typed

Given = dict[str, list[str]]


class ParametersError(ValueError):
    """Not what the document wants; the text is for the caller."""


def check(document: Document, given: Given) -> dict[str, Any]:
    """The value of every parameter, in its type."""
    for name in given:
        if name not in document.parameters:
            raise ParametersError(f"Parameter {name} in user inputs is not defined in the document.")
    return {name: _value(name, parameter, given) for name, parameter in document.parameters.items()}


def _value(name: str, parameter: Parameter, given: Given) -> Any:
    if name not in given:
        if parameter.is_required:
            raise ParametersError(f"Missing required parameter: {name} in user inputs.")
        return parameter.default
    texts = given[name]
    if not parameter.type.endswith("List") and len(texts) != 1:
        raise ParametersError(f'Parameter "{name}" needs one value, and has {len(texts)}.')
    for text in texts:
        _check_text(name, parameter, text)
    _check_count(name, parameter, len(texts))
    return _convert(name, parameter, texts)


def _check_text(name: str, parameter: Parameter, text: str) -> None:
    if parameter.allowed_values and text not in [str(v) for v in parameter.allowed_values]:
        allowed = ", ".join(str(v) for v in parameter.allowed_values)
        raise ParametersError(f'Parameter "{name}" has value "{text}" not found in [{allowed}].')
    if parameter.allowed_pattern and not re.fullmatch(parameter.allowed_pattern, text):
        raise ParametersError(f'Parameter "{name}" has value "{text}" not matching {parameter.allowed_pattern}.')
    if not (parameter.min_chars or 0) <= len(text) <= (parameter.max_chars or len(text)):
        raise ParametersError(f'Parameter "{name}" has a value of {len(text)} characters.')


def _check_count(name: str, parameter: Parameter, count: int) -> None:
    if not (parameter.min_items or 0) <= count <= (parameter.max_items or count):
        raise ParametersError(f'Parameter "{name}" has {count} values.')


def _convert(name: str, parameter: Parameter, texts: list[str]) -> Any:
    try:
        if parameter.type in ("StringMap", "MapList"):
            found = [json.loads(text) for text in texts]
            return found if parameter.type == "MapList" else found[0]
        return typed(list(texts), parameter.type)
    except ValueError:
        raise ParametersError(f'Parameter "{name}" has a value that is no {parameter.type}.') from None
