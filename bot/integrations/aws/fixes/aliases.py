"""Lambda aliases: where they point, and which version was there before.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from bot.errors import CloudError, Refused
from bot.integrations.aws.clients import Clients, arn_field, cloud_errors
from bot.integrations.aws.fixes.kind import is_code, need, same_account
from bot.integrations.aws.fixes.regrets import regretted
from bot.models import Remediation, Target
from bot.resources import Resources

FUNCTION = "Lambda alias"
NAMED = 10
_LATEST = "$LATEST"

Json = Mapping[str, Any]


class Alias(NamedTuple):
    """`weights` is the share of other versions: a canary. `stamp` changes with every change of the alias."""

    version: str
    stamp: str
    weights: dict[str, float]

    @property
    def shown(self) -> str:
        others = [f"{share:.0%} on {version}" for version, share in self.weights.items()]
        return f"{self.version} ({', '.join(others)})" if others else self.version


class Version(NamedTuple):
    """A published version. `raw` is its configuration, which never changes."""

    number: int
    published_at: datetime | None
    raw: Json


def place(service: str, resources: Resources, region: str) -> Target:
    need(service, f"which function {service} runs as", function=resources.function)
    return Target(
        kind=FUNCTION,
        name=resources.function,
        alias=resources.alias,
        account=resources.account,
        region=resources.region or region,
    )


class Aliases:
    """The calls. Raises CloudError that names the permission, and Refused for what is not there."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def alias(self, where: Target) -> Alias:
        try:
            with cloud_errors("lambda:GetAlias", _named(where)):
                raw = self._client(where).get_alias(FunctionName=where.name, Name=where.alias)
        except CloudError as error:
            if is_code(error, "ResourceNotFound"):
                raise Refused(f"There is no function {where.name} with an alias {where.alias} in {where.region} "
                              "(function and alias in config.yml).") from error  # fmt: skip
            raise
        same_account(arn_field(raw["AliasArn"], 4), where)
        return _alias(raw)

    def versions(self, where: Target) -> list[Version]:
        """All published versions, the newest first."""
        found = []
        with cloud_errors("lambda:ListVersionsByFunction", where.name):
            pages = self._client(where).get_paginator("list_versions_by_function").paginate(FunctionName=where.name)
            for page in pages:
                found += [_version(raw) for raw in page["Versions"] if raw["Version"] != _LATEST]
        return sorted(found, key=lambda each: -each.number)

    def point(self, where: Target, version: str, weights: Mapping[str, float], stamp: str) -> Alias:
        """Lambda refuses with PreconditionFailedException where the alias changed since it had this stamp."""
        with cloud_errors("lambda:UpdateAlias", _named(where)):
            raw = self._client(where).update_alias(
                FunctionName=where.name,
                Name=where.alias,
                FunctionVersion=version,
                RoutingConfig={"AdditionalVersionWeights": dict(weights)},
                RevisionId=stamp,
            )
        return _alias(raw)

    def _client(self, where: Target) -> Any:
        return self._clients.get("lambda", region=where.region)


def before(alias: Alias, versions: Sequence[Version], bad: Collection[str]) -> str | None:
    """The version to go back to, the newest that is not known to be bad; None where there is none.

    While traffic is being shifted the alias names the old version, and the new one only has a share: to go back is to
    take that away.
    """
    if not alias.version.isdigit():
        return None
    present = int(alias.version)
    is_shifting = any(each.isdigit() and int(each) > present for each in alias.weights)
    earlier = [str(each.number) for each in versions if each.number < present]
    return next((each for each in ([alias.version] if is_shifting else []) + earlier if each not in bad), None)


def none_before(where: Target, alias: Alias, versions: Sequence[Version], bad: Mapping[str, str]) -> Refused:
    """Why there is nothing to go back to, version by version, and what can be named all the same."""
    others = [str(each.number) for each in versions if str(each.number) != alias.version]
    why = [f"{each} ({bad[each]})" for each in others if each in bad]
    known = f" that is not known to be bad: {', '.join(why[:NAMED])}" if why else ""
    return Refused(f"{where.name}:{where.alias} points at {alias.shown}, and no version was published before{known}. "
                   f"{what_there_is(versions)}")  # fmt: skip


def what_there_is(versions: Sequence[Version]) -> str:
    if not versions:
        return "No version was ever published."
    return f"There is {', '.join(str(each.number) for each in versions[:NAMED])}."


def radius(where: Target, version: str, bad: Mapping[str, str]) -> str:
    """What a change of the alias touches; a version that somebody named although it is known to be bad is told."""
    warning = f"; {version} is known to be bad: {bad[version]}" if version in bad else ""
    return f"everything that calls {where.name} through {where.alias}{warning}"


def known_bad(past: Iterable[Remediation], where: Target) -> dict[str, str]:
    """The versions that this alias must not go back to by itself, each with the reason."""
    of_alias = (each for each in past if each.plan.target.alias == where.alias)
    return regretted(of_alias, where.model_copy(update={"kind": FUNCTION}), _turned)


def _turned(state: Json) -> tuple[str, str]:
    """From which version to which, as the two kinds of fix that turn an alias keep it."""
    if "then" in state:
        return str(state["back"].get("TargetVersion", "")), str(state["then"])
    return str(state.get("before", "")), str(state.get("after", ""))


def _named(where: Target) -> str:
    return f"{where.name}:{where.alias}"


def _alias(raw: Json) -> Alias:
    weights = (raw.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return Alias(raw["FunctionVersion"], raw.get("RevisionId") or "", dict(weights))


def _version(raw: Json) -> Version:
    return Version(int(raw["Version"]), _moment(raw.get("LastModified") or ""), raw)


def _moment(text: str) -> datetime | None:
    """Lambda writes `2026-11-22T03:00:00.000+0000`."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
