"""boto3 clients, made once from one session, and what their failures mean for whoever called.

The session is shared because each one parses botocore's endpoint data anew: with one for each of the four clients the
process was 22 MiB larger.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    HTTPClientError,
    MetadataRetrievalError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ReadTimeoutError,
    SSLError,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as NotConnectedError
from botocore.loaders import Loader
from botocore.parsers import ResponseParserError

from bot.errors import CloudError, Outcome, SettingsError

CONNECT_TIMEOUT = 3.0
READ_TIMEOUT = 10.0
MAX_CLIENTS = 32  # regions come from messages: no sender may fill the memory with clients
MAX_DETAIL = 300

# https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html and each service's own list
_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSecurity",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "UnrecognizedClient",
        "UnrecognizedClientException",
    }
)
_DENIED = frozenset(
    {"http_403", "AuthorizationError", "AuthorizationErrorException", "Forbidden", "NotAuthorized", "OptInRequired"}
)
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html, “Throttling errors”
_THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "OverLimit",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "SlowDown",
        "TooManyRequests",
        "TooManyRequestsException",
        "http_429",
    }
)
_NOT_FETCHED = (CredentialRetrievalError, MetadataRetrievalError, TokenRetrievalError, SSOError)
_NOT_PERMITTED = re.compile(
    r"authorized to perform:? (?P<action>[\w-]+:\w+)(?: on resource:? (?P<resource>[^\s\"']+))?"
)
# What stands in for AWS reads the service and region off the signature, and checks no key.
_UNCHECKED = {"aws_access_key_id": "unchecked", "aws_secret_access_key": "unchecked"}
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}")


class Clients:
    """Makes each client at its first use and keeps it; safe to use from several threads.

    `region` is the default one (AWS_REGION), boto3's own rules where it is None. `endpoint_url` stands in for every
    service's endpoint.
    """

    def __init__(self, region: str | None = None, endpoint_url: str | None = None) -> None:
        self._given = region
        self._endpoint_url = endpoint_url
        self._lock = threading.RLock()  # a session must not make two clients at once
        self._made: Session | None = None
        self._clients: OrderedDict[tuple[str, str, float, int], Any] = OrderedDict()

    @property
    def region(self) -> str:
        """The default region. Raises SettingsError where neither the settings nor boto3's own chain name one."""
        with self._lock:
            try:
                region = self._given or self._session().region_name
            except BotoCoreError as error:  # a profile that is not there, a file that can't be parsed
                raise SettingsError(f"AWS_PROFILE or the AWS config file: {error}") from error
        if not region:
            raise SettingsError(
                "AWS_REGION is not set, and neither is a default region for boto3: set it to eu-west-1, say"
            )
        return str(region)

    def get(
        self, service: str, *, region: str | None = None, read_timeout: float = READ_TIMEOUT, attempts: int = 2
    ) -> Any:
        """The client of `service` in `region`. Raises CloudError, and SettingsError where there is no region at all.

        `read_timeout` is in seconds; `attempts` counts the first try too: 1 where a call whose answer was lost must
        not be repeated unseen.
        """
        where = region or self.region
        if not _REGION.fullmatch(where):
            raise CloudError("invalid_region", detail=f"“{where[:40]}” is no AWS region")
        key = (service, where, read_timeout, attempts)
        with self._lock:
            client = self._clients.get(key)
            if client is None:
                client = self._clients[key] = self._make(*key)
            self._clients.move_to_end(key)
            while len(self._clients) > MAX_CLIENTS:
                self._clients.popitem(last=False)[1].close()
            return client

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _session(self) -> Session:
        if self._made is None:
            core = botocore.session.Session()
            core.register_component("data_loader", Loader(file_loader=_PlainJson()))
            self._made = Session(botocore_session=core)
        return self._made

    def _make(self, service: str, region: str, read_timeout: float, attempts: int) -> Any:
        config = Config(
            connect_timeout=min(CONNECT_TIMEOUT, read_timeout),
            read_timeout=read_timeout,
            retries={"mode": "standard", "total_max_attempts": attempts},
            tcp_keepalive=True,
        )
        with cloud_errors(service):
            session = self._session()
            signing: dict[str, str] = {}
            if session.get_credentials() is None:
                if not _is_stand_in(self._endpoint_url):
                    raise NoCredentialsError  # a client made without would never look for them again
                signing = _UNCHECKED
            return session.client(
                service, region_name=region, endpoint_url=self._endpoint_url, config=config, **signing
            )


def _is_stand_in(endpoint_url: str | None) -> bool:
    """Is it a server in AWS's place, an emulator say, and no endpoint of AWS's own?"""
    host = urlsplit(endpoint_url or "").hostname
    return host is not None and not host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))


class _PlainJson:
    """Reads botocore's models into plain dicts: its own loader makes OrderedDicts, which take 4 MiB more."""

    def exists(self, file_path: str) -> bool:
        return Path(f"{file_path}.json").is_file() or Path(f"{file_path}.json.gz").is_file()

    def load_file(self, file_path: str) -> Any:
        plain, packed = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
        if plain.is_file():
            return json.loads(plain.read_bytes())
        return json.loads(gzip.decompress(packed.read_bytes())) if packed.is_file() else None


@contextmanager
def cloud_errors(action: str, resource: str = "") -> Iterator[None]:
    """Turn what boto3 raises inside into CloudError. `action` is the IAM action needed, on `resource` (ARN or URL).

    Also a decorator.
    """
    try:
        yield
    except ClientError as error:
        raise _from_answer(error, action, resource) from (None if is_credentials(_code(error)) else error)
    except (HTTPClientError, NotConnectedError) as error:  # no answer; both are BotoCoreErrors too
        raise _from_transport(error, action) from error
    except (BotoCoreError, ResponseParserError) as error:
        raise _from_client(error, action) from error


def is_denied(code: str) -> bool:
    """This CloudError's code says that the action is not permitted."""
    return "AccessDenied" in code or code in _DENIED


def is_credentials(code: str) -> bool:
    """This CloudError's code says that AWS does not accept the credentials, or that there are none."""
    return code in _CREDENTIALS or code in {"credentials", "no_credentials"}


def is_throttled(code: str) -> bool:
    """This CloudError's code says that we ask too often."""
    return "Throttl" in code or code in _THROTTLED


def arn_field(arn: str, position: int) -> str:
    """A field of `arn:<1 partition>:<2 service>:<3 region>:<4 account>:<5 the rest>`; empty where it is no ARN."""
    fields = arn.split(":", 5)
    return fields[position] if len(fields) == 6 and fields[0] == "arn" else ""


def _code(error: ClientError) -> str:
    code = str(error.response.get("Error", {}).get("Code") or _status(error))
    return f"http_{code}" if code.isdigit() else code


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)


def _from_answer(error: ClientError, action: str, resource: str) -> CloudError:
    code, status = _code(error), _status(error)
    message = str(error.response.get("Error", {}).get("Message") or "")[:MAX_DETAIL]
    if is_credentials(code):  # AWS quotes the signed headers here, the session token among them
        return CloudError(code, detail=f"credentials: AWS does not accept the bot's for {action}")
    throttled = is_throttled(code) or status == 429
    if is_denied(code) or (status == 403 and not throttled):
        return CloudError(code, detail=_not_permitted(message, action, resource))
    return CloudError(
        code,
        retryable=throttled or status >= 500,
        outcome=Outcome.UNKNOWN if status >= 500 and not throttled else Outcome.NOT_DONE,
        retry_after=_retry_after(error),
        detail=f"{action} on {resource}: {message}" if resource else f"{action}: {message}",
    )


def _not_permitted(message: str, action: str, resource: str) -> str:
    """AWS names action and resource in most refusals; ours are what we asked for."""
    named = _NOT_PERMITTED.search(message)
    if named:
        action, resource = named["action"], named["resource"] or resource
    return f"{action} on {resource}" if resource else action


def _retry_after(error: ClientError) -> float | None:
    """Seconds, where the answer has the header."""
    value = str(error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("retry-after", ""))
    return float(value) if value.isdecimal() else None


def _from_transport(error: HTTPClientError | NotConnectedError, action: str) -> CloudError:
    """No answer. Where there was no connection, it can't have been done; TLS may also break off halfway."""
    timed_out = isinstance(error, ConnectTimeoutError | ReadTimeoutError)
    never_sent = isinstance(error, NotConnectedError) and not isinstance(error, SSLError)
    place = urlsplit(str(error.kwargs.get("endpoint_url", ""))).hostname
    return CloudError(
        "timeout" if timed_out else "connection",
        retryable=True,
        outcome=Outcome.NOT_DONE if never_sent else Outcome.UNKNOWN,
        detail=f"{action}: {type(error).__name__}" + (f" at {place}" if place else ""),
    )


def _from_client(error: Exception, action: str) -> CloudError:
    """What boto3 itself finds; only the kind is told, since its texts quote what was sent."""
    detail = f"{action}: {type(error).__name__}"
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return CloudError("no_credentials", detail=f"credentials: boto3 finds none for {action}")
    if isinstance(error, _NOT_FETCHED):
        return CloudError("credentials", retryable=True, detail=detail)
    if isinstance(error, ResponseParserError):
        return CloudError("unexpected_answer", retryable=True, outcome=Outcome.UNKNOWN, detail=detail)
    if isinstance(error, ParamValidationError):
        return CloudError("invalid_request", detail=detail)
    return CloudError("client", detail=detail)
