"""Which call a request is: service, operation, caller, and the resources it names."""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from moto.core.request import Request
from moto.core.routing import ServiceOperationRouter, get_service_router
from werkzeug.exceptions import HTTPException

from sandbox.aws import cbor

Json = dict[str, Any]

# Signing names that are not the names of their IAM actions, as far as the bot may meet them.
ACTION_PREFIX = {"monitoring": "cloudwatch"}
CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/([\w-]+)/([\w.-]+)/")
RESOURCE = re.compile(
    r"(?:url|arns?|names?|ids?|prefix|cluster|services?|tasks?|taskdefinition|path|rule|namespace|document|version)$",
    re.I,
)
NESTED = frozenset(("TableName", "EventBusName", "Source", "QueueUrl"))
NOT_NAMES = frozenset(("Version", "RequestId", "ClientRequestToken", "MessageDeduplicationId", "MessageGroupId"))
SHOWN_MAX = 300


@dataclass
class Call:
    service: str
    operation: str
    caller: str
    region: str
    protocol: str
    resources: Json = field(default_factory=dict)
    parameters: Json = field(default_factory=dict)
    token: str = ""

    @property
    def action(self) -> str:
        """What IAM calls it, where the signing name tells."""
        return f"{ACTION_PREFIX.get(self.service, self.service)}:{self.operation}"


def read_body(environ: Json) -> bytes:
    """The body, put back for whoever comes next."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body: bytes = environ["wsgi.input"].read(length) if length else b""
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def identify(environ: Json, body: bytes) -> Call | None:
    """None for what is not a signed AWS call."""
    call = _identified(environ, body)
    if call is not None:
        call.token = environ.get("HTTP_X_AMZ_SECURITY_TOKEN", "")
    return call


def _identified(environ: Json, body: bytes) -> Call | None:
    found = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    if not found:
        return None
    caller, region, service = found.groups()
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        given = _json(body)
        return Call(service, target.rsplit(".", 1)[-1], caller, region, "json", resources(given), given)
    if "x-www-form-urlencoded" in environ.get("CONTENT_TYPE", ""):
        form = {k: v[0] for k, v in parse_qs(body.decode(errors="replace")).items()}
        protocol = "ec2" if service == "ec2" else "query"
        return Call(service, form.get("Action", ""), caller, region, protocol, resources(form), form)
    return _rest(environ, body, Call(service, "", caller, region, "rest-json"))


def _rest(environ: Json, body: bytes, call: Call) -> Call:
    """REST services name the operation by method and path."""
    call.protocol = "rest-xml" if call.service in ("s3", "cloudfront", "route53") else "rest-json"
    if "cbor" in environ.get("CONTENT_TYPE", ""):
        call.protocol = "cbor"
    try:
        operation, path = _router(call.service).match(Request(environ.copy()))
    except (HTTPException, NotImplementedError, LookupError):
        return call
    call.operation = str(operation.name)
    call.parameters = {**(_cbor(body) if call.protocol == "cbor" else _json(body)), **path}
    call.resources = resources(call.parameters)
    return call


@cache
def _router(service: str) -> ServiceOperationRouter:
    return get_service_router(service)


def _json(body: bytes) -> Json:
    try:
        given = json.loads(body)
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}


def _cbor(body: bytes) -> Json:
    try:
        given = cbor.read(body)
    except (ValueError, LookupError):
        return {}
    return given if isinstance(given, dict) else {}


def resources(given: Json) -> Json:
    """What names something: never messages, items or values, which may hold what is not for a log."""
    named = {k: v for k, v in given.items() if RESOURCE.search(k) and k not in NOT_NAMES and _short(v)}
    deep: dict[str, list[str]] = {}
    for name, value in _nested(given):
        if value not in deep.setdefault(name, []):
            deep[name].append(value)
    if isinstance(tables := given.get("RequestItems"), dict):
        deep["TableName"] = list(tables)
    return {name: values[0] if len(values) == 1 else values for name, values in deep.items()} | named


def _short(value: Any) -> bool:
    return (
        len(value) <= SHOWN_MAX if isinstance(value, str) else isinstance(value, list) and len(str(value)) <= SHOWN_MAX
    )


def _nested(given: Any) -> Iterator[tuple[str, str]]:
    if isinstance(given, dict):
        for name, value in given.items():
            if name in NESTED and isinstance(value, str):
                yield name, value
            elif isinstance(value, dict | list):
                yield from _nested(value)
    elif isinstance(given, list):
        for entry in given:
            yield from _nested(entry)
