"""The automation's own way into AWS: as the role that a document assumes, or as whoever started it."""

import threading
from contextvars import ContextVar
from typing import Any

import boto3
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.utils import ArnParser

from sandbox.aws.automation.document import Json
from sandbox.aws.automation.values import plain
from sandbox.aws.identity import TOKEN

AUTOMATION_KEY = "sandbox-automation"
SECRET = "sandbox"
RETRYING = Config(retries={"mode": "standard", "total_max_attempts": 3}, read_timeout=30)
DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError")


class CallError(Exception):
    """A call that AWS refused, or that could not be made."""

    def __init__(self, text: str, kind: str) -> None:
        super().__init__(text)
        self.kind = kind  # as FailureType has it


def caller_key(role: str, starter: str) -> str:
    """By which access key the call log knows an automation; without a role AWS uses the starter's permissions."""
    return f"{AUTOMATION_KEY}.{role.rsplit('/', 1)[-1]}" if role else starter


def is_role(arn: str) -> bool:
    try:
        parts = ArnParser().parse_arn(arn)
    except ValueError:
        return False
    return bool(parts["service"] == "iam" and parts["resource"].startswith("role/"))


_SESSION: ContextVar[str] = ContextVar("session", default="")


def _with_token(request: AWSRequest, **_: Any) -> None:
    request.headers[TOKEN] = _SESSION.get()


class Clients:
    """boto3 clients, made once for each service, region and caller."""

    def __init__(self) -> None:
        self.url = ""
        self._made: dict[tuple[str, str, str], Any] = {}
        self._lock = threading.Lock()

    def call(self, caller: str, session: str, region: str, service: str, api: str, sent: Json) -> Json:
        """`session` names the run that calls; it goes with the request as its token."""
        _SESSION.set(session)
        try:
            client = self._client(caller, region, service)
            method = next((m for m, name in client.meta.method_to_api_mapping.items() if name == api), None)
            if method is None:
                raise CallError(f"{service} has no operation {api}", "Action")
            return plain(getattr(client, method)(**sent))
        except ClientError as error:
            raise CallError(str(error), _kind(error)) from None
        except BotoCoreError as error:
            raise CallError(str(error), "Action") from None

    def _client(self, caller: str, region: str, service: str) -> Any:
        with self._lock:
            key = caller, region, service
            if key not in self._made:
                self._made[key] = boto3.client(
                    service,
                    region_name=region,
                    endpoint_url=self.url,
                    aws_access_key_id=caller,
                    aws_secret_access_key=SECRET,
                    config=RETRYING,
                )
                self._made[key].meta.events.register("before-sign", _with_token)
            return self._made[key]

    def close(self) -> None:
        with self._lock:
            for client in self._made.values():
                client.close()
            self._made.clear()


def _kind(error: ClientError) -> str:
    code = str(error.response["Error"]["Code"])
    if code in DENIED:
        return "Permission"
    return "Throttling" if "Throttl" in code or code == "TooManyRequestsException" else "Action"
