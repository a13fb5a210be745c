"""An error the way each protocol of AWS writes it."""

import json
from http import HTTPStatus
from xml.sax.saxutils import escape

from moto.core.exceptions import ServiceException

from sandbox.aws import cbor
from sandbox.aws.request import Call

Headers = list[tuple[str, str]]
Refusal = tuple[str, Headers, bytes]
REQUEST_ID = "00000000-0000-4000-8000-000000000000"
THROTTLES = {"json": "ThrottlingException", "rest-json": "TooManyRequestsException", "ec2": "RequestLimitExceeded"}
THROTTLED_AS = {"sqs": "RequestThrottled", "s3": "SlowDown"}
STATUS = {"SlowDown": 503, "TooManyRequestsException": 429, "RequestLimitExceeded": 503}


class Refused(ServiceException):
    """(code, message): an error that moto has no class for."""


def throttled(call: Call) -> str:
    return THROTTLED_AS.get(call.service) or THROTTLES.get(call.protocol, "Throttling")


def status_line(code: int) -> str:
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return f"{code} Unknown"


def refusal(call: Call, error: str, message: str, status: int | None = None) -> Refusal:
    code = status or STATUS.get(error, 400)
    side = "Receiver" if code >= 500 else "Sender"
    headers = [("x-amzn-requestid", REQUEST_ID)]
    if call.protocol == "cbor":
        return _cbor(error, message, code, side)
    if call.protocol.endswith("json"):
        body = json.dumps({"__type": error, "message": message})
        headers += [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-errortype", error)]
        headers += [("x-amzn-query-error", f"{error};{side}")]
    else:
        body = _xml(call.protocol, error, escape(message), side)
        headers += [("Content-Type", "text/xml")]
    data = body.encode()
    return status_line(code), [*headers, ("Content-Length", str(len(data)))], data


def _cbor(error: str, message: str, code: int, side: str) -> Refusal:
    data = cbor.write({"__type": error, "message": message})
    headers = [
        ("x-amzn-requestid", REQUEST_ID),
        ("Content-Type", "application/cbor"),
        ("smithy-protocol", "rpc-v2-cbor"),
    ]
    headers += [("x-amzn-errortype", error), ("x-amzn-query-error", f"{error};{side}")]
    return status_line(code), [*headers, ("Content-Length", str(len(data)))], data


def _xml(protocol: str, error: str, message: str, side: str) -> str:
    inner = f"<Code>{error}</Code><Message>{message}</Message>"
    if protocol == "rest-xml":
        return f"<Error>{inner}<RequestId>{REQUEST_ID}</RequestId></Error>"
    if protocol == "ec2":
        return f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>{REQUEST_ID}</RequestID></Response>"
    return (
        f"<ErrorResponse><Error><Type>{side}</Type>{inner}</Error><RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
    )
