"""Task definitions: their names and numbers, what differs between two, and which one was stable last. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

_NAME = re.compile(r"(?:arn:[^/]+:task-definition/)?(?P<family>[\w-]+):(?P<number>[1-9]\d*)")
_SHORT_DIGEST = 12
MAX_NAMES = 8

Json = Mapping[str, Any]
# What says nothing about how it runs: bookkeeping of ECS.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskDefinition.html
_BOOKKEEPING = frozenset({
    "taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt", "registeredBy",
    "deregisteredAt", "containerDefinitions", "family", "cpu", "memory", "tags",
})  # fmt: skip
_TOLD_APART = frozenset({"name", "image", "environment", "secrets", "cpu", "memory"})


class Revision(NamedTuple):
    """One revision of a family; number 0 where there is none (a service with task sets names none)."""

    arn: str
    family: str
    number: int

    @classmethod
    def of(cls, arn: str) -> Revision:
        found = _NAME.fullmatch(arn)
        return cls(arn, found["family"], int(found["number"])) if found else cls(arn, "", 0)

    @property
    def name(self) -> str:
        return f"{self.family}:{self.number}" if self.family else self.arn or "nothing"


class Typed(NamedTuple):
    """What somebody typed for a revision; `family` and `arn` are empty where they left them out."""

    arn: str
    family: str
    number: int


def typed(text: str) -> Typed | None:
    """`56`, `web:56` or a whole ARN; None where it is none of them."""
    said = text.strip()
    if re.fullmatch(r"[1-9]\d{0,9}", said):
        return Typed("", "", int(said))
    found = _NAME.fullmatch(said)
    if not found:
        return None
    return Typed(said if said.startswith("arn:") else "", found["family"], int(found["number"]))


def differences(before: Json, after: Json) -> tuple[str, ...]:
    """What differs, a line each: images, names of environment variables and secrets, sizes. Never a value."""
    old, new = _containers(before), _containers(after)
    lines: list[str] = []
    for name in dict.fromkeys([*old, *new]):
        if name not in new:
            lines.append(f"{name}: container goes")
        elif name not in old:
            lines.append(f"{name}: container comes, image {new[name].get('image', '')}")
        else:
            lines += [f"{name}: {line}" for line in _of_container(old[name], new[name])]
    lines += _sizes(before, after)
    others = [key for key in _keys(before, after) - _BOOKKEEPING if before.get(key) != after.get(key)]
    return (*lines, *_others(others))


def _containers(definition: Json) -> dict[str, Json]:
    return {each["name"]: each for each in definition.get("containerDefinitions", [])}


def _of_container(old: Json, new: Json) -> Iterator[str]:
    if old.get("image") != new.get("image"):
        yield f"image {images(str(old.get('image', '')), str(new.get('image', '')))}"
    yield from names_changed("environment", _pairs(old, "environment", "value"), _pairs(new, "environment", "value"))
    yield from names_changed("secrets", _pairs(old, "secrets", "valueFrom"), _pairs(new, "secrets", "valueFrom"))
    yield from _sizes(old, new)
    yield from _others([key for key in _keys(old, new) - _TOLD_APART if old.get(key) != new.get(key)])


def _pairs(container: Json, kind: str, value: str) -> dict[str, Any]:
    return {each["name"]: each.get(value) for each in container.get(kind, [])}


def names_changed(what: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """`environment +ADDED −REMOVED, changed: THESE`; the values are compared and not told."""
    signed = [f"+{name}" for name in new if name not in old] + [f"−{name}" for name in old if name not in new]
    changed = [name for name in old if name in new and old[name] != new[name]]
    parts = [" ".join(_bounded(signed))] if signed else []
    parts += [f"changed: {', '.join(_bounded(changed))}"] if changed else []
    if parts:
        yield f"{what} {', '.join(parts)}"


def _bounded(names: Sequence[str]) -> list[str]:
    more = [f"and {len(names) - MAX_NAMES} more"] if len(names) > MAX_NAMES else []
    return [*names[:MAX_NAMES], *more]


def _sizes(old: Json, new: Json) -> list[str]:
    return [
        f"{key} {old.get(key) or 'unset'} → {new.get(key) or 'unset'}"
        for key in ("cpu", "memory")
        if (old.get(key) or 0) != (new.get(key) or 0)
    ]


def _keys(old: Json, new: Json) -> set[str]:
    return set(old) | set(new)


def _others(keys: Sequence[str]) -> list[str]:
    return [f"also different: {', '.join(_bounded(sorted(keys)))}"] if keys else []


def images(old: str, new: str) -> str:
    """Only the tags or digests where the repository is the same."""
    (place, tag), (new_place, new_tag) = _image(old), _image(new)
    return f"{tag} → {new_tag}" if place == new_place and tag and new_tag else f"{old} → {new}"


def _image(name: str) -> tuple[str, str]:
    repository, at, digest = name.partition("@")
    if at:
        return repository, digest.removeprefix("sha256:")[:_SHORT_DIGEST]
    place, colon, tag = name.rpartition(":")
    return (place, tag) if colon and "/" not in tag else (name, "")
