"""Lambda aliases: where they point, and which version was there before.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from bot.errors import CloudError, Refused
from bot.integrations.aws.clients import Clients, arn_field, cloud_errors
from bot.integrations.aws.fixes.kind import is_code, need, same_account
from bot.models import Target
from bot.resources import Resources

FUNCTION = "Lambda alias"
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


def before(alias: Alias, versions: Sequence[Version]) -> str | None:
    """The version to go back to; None where there is none.

    While traffic is being shifted the alias names the old version, and the new one only has a share: to go back is to
    take that away.
    """
    if not alias.version.isdigit():
        return None
    present = int(alias.version)
    if any(each.isdigit() and int(each) > present for each in alias.weights):
        return alias.version
    return next((str(each.number) for each in versions if each.number < present), None)


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
