"""An Automation document of schema 0.3: its shape, and the step types that are run here.

AWS looks at a document when it is stored, and refuses one whose steps lead nowhere or in circles. So does this.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel, to_pascal

Json = dict[str, Any]
Type = Literal["String", "StringList", "Integer", "Boolean", "StringMap", "MapList"]
StepName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_]{3,128}$")]
OnFailure = Annotated[str, Field(pattern=r"^(Abort|Continue|step:[a-zA-Z0-9_]{3,128})$")]

API, WAIT, ASSERT = "aws:executeAwsApi", "aws:waitForAwsResourceProperty", "aws:assertAwsResourceProperty"
BRANCH, SLEEP, APPROVE = "aws:branch", "aws:sleep", "aws:approve"
TO_STEP = "step:"
COMPARISONS = frozenset(
    (
        "StringEquals",
        "EqualsIgnoreCase",
        "StartsWith",
        "EndsWith",
        "Contains",
        "NumericEquals",
        "NumericGreater",
        "NumericLesser",
        "NumericGreaterOrEquals",
        "NumericLesserOrEquals",
        "BooleanEquals",
    )
)


class DocumentError(ValueError):
    """AWS would not take this document, or it has steps that are not run here."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)


class _Inputs(BaseModel):
    """Names begin with a capital in the inputs of a step."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_pascal)


class ApiInputs(_Inputs):
    """Whatever else is given goes to the operation."""

    model_config = ConfigDict(extra="allow", frozen=True, alias_generator=to_pascal)
    service: str
    api: str

    @property
    def sent(self) -> Json:
        return dict(self.model_extra or {})


class PropertyInputs(ApiInputs):
    property_selector: Annotated[str, Field(pattern=r"^\$")]
    desired_values: Annotated[list[Any], Field(min_length=1)]


class BranchInputs(_Inputs):
    choices: Annotated[list[Json], Field(min_length=1)]
    default: str | None = None

    @model_validator(mode="after")
    def _choices_can_be_decided(self) -> "BranchInputs":
        for choice in self.choices:
            if not isinstance(choice.get("NextStep"), str):
                raise ValueError("every choice needs a NextStep")
            check_condition({k: v for k, v in choice.items() if k != "NextStep"})
        return self

    @property
    def targets(self) -> list[str]:
        return [str(c["NextStep"]) for c in self.choices] + ([self.default] if self.default else [])


class SleepInputs(_Inputs):
    duration: Annotated[str, Field(pattern=r"^(PT(\d+H)?(\d+M)?(\d+S)?|P\d+D)$")]


class ApproveInputs(_Inputs):
    approvers: Annotated[list[str], Field(min_length=1, max_length=10)]
    notification_arn: str | None = None
    message: str | None = None
    min_required_approvals: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _enough_approvers(self) -> "ApproveInputs":
        if self.min_required_approvals > len(self.approvers):
            raise ValueError("MinRequiredApprovals exceeds the number of Approvers")
        return self


INPUTS: dict[str, type[_Inputs]] = {
    API: ApiInputs,
    WAIT: PropertyInputs,
    ASSERT: PropertyInputs,
    BRANCH: BranchInputs,
    SLEEP: SleepInputs,
    APPROVE: ApproveInputs,
}


class Output(_Inputs):
    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_]{1,128}$")]
    selector: Annotated[str, Field(pattern=r"^\$")]
    type: Type = "String"


class Parameter(_Part):
    type: Type
    description: str = ""
    default: Any = None
    allowed_values: list[Any] | None = None
    allowed_pattern: str | None = None
    min_chars: int | None = None
    max_chars: int | None = None
    min_items: int | None = None
    max_items: int | None = None

    @property
    def is_required(self) -> bool:
        return "default" not in self.model_fields_set


class Step(_Part):
    name: StepName
    action: str
    inputs: Json
    description: str = ""
    outputs: tuple[Output, ...] = ()
    next_step: str | None = None
    is_end: bool = False
    is_critical: bool | None = None
    on_failure: OnFailure = "Abort"
    max_attempts: Annotated[int, Field(ge=1, le=10)] = 1
    timeout_seconds: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _inputs_fit_the_action(self) -> "Step":
        if self.action not in INPUTS:
            raise ValueError(f"{self.action} is not run here; there are {', '.join(INPUTS)}")
        INPUTS[self.action].model_validate(self.inputs)
        return self

    @property
    def counts(self) -> bool:
        """Whether its failure is the automation's."""
        return self.on_failure != "Continue" if self.is_critical is None else self.is_critical

    @property
    def jumps(self) -> list[str]:
        """The steps it names as the next ones."""
        named = BranchInputs.model_validate(self.inputs).targets if self.action == BRANCH else []
        if self.next_step:
            named.append(self.next_step)
        if self.on_failure.startswith(TO_STEP):
            named.append(self.on_failure.removeprefix(TO_STEP))
        return named


class Document(_Part):
    schema_version: Literal["0.3"]
    main_steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    description: str = ""
    assume_role: str = ""
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    outputs: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _steps_lead_somewhere(self) -> "Document":
        names = [step.name for step in self.main_steps]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"steps of the same name: {', '.join(sorted(twice))}")
        for step in self.main_steps:
            if missing := set(step.jumps) - set(names):
                raise ValueError(f"{step.name} leads to {', '.join(sorted(missing))}, which does not exist")
        for name in names:
            if name in self.reachable(*self.following(name)):
                raise ValueError(f"the steps from {name} lead back to it")
        return self

    def step(self, name: str) -> Step:
        return next(step for step in self.main_steps if step.name == name)

    def after(self, name: str) -> str | None:
        """The one that is written below it."""
        names = [step.name for step in self.main_steps]
        place = names.index(name) + 1
        return names[place] if place < len(names) else None

    def following(self, name: str) -> list[str]:
        """All steps that may come next."""
        step = self.step(name)
        falls_through = not step.is_end and not step.next_step
        if step.action == BRANCH and BranchInputs.model_validate(step.inputs).default:
            falls_through = False
        below = self.after(name) if falls_through else None
        return step.jumps + ([below] if below else [])

    def reachable(self, *names: str) -> set[str]:
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.following(name)
        return found


def parse(content: str) -> Document:
    """JSON is YAML."""
    try:
        return Document.model_validate(yaml.load(content, yaml.CSafeLoader))
    except (yaml.YAMLError, ValidationError) as error:
        raise DocumentError(str(error)) from None


def check_condition(condition: Json) -> None:
    """One comparison, or several joined by And, Or, Not."""
    names = set(condition)
    if names in ({"And"}, {"Or"}):
        for part in next(iter(condition.values())):
            check_condition(dict(part))
    elif names == {"Not"}:
        check_condition(dict(condition["Not"]))
    elif "Variable" not in names or len(names) != 2 or not names - {"Variable"} <= COMPARISONS:
        raise ValueError(f"no condition: {condition}")


def variables(condition: Json) -> Iterator[tuple[Any, str, Any]]:
    """Every comparison in it: what is looked at, how, and with what."""
    for name, value in condition.items():
        if name in ("And", "Or"):
            for part in value:
                yield from variables(part)
        elif name == "Not":
            yield from variables(value)
        elif name in COMPARISONS:
            yield condition["Variable"], name, value
