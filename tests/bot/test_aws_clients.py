"""AWS clients: regions, sharing, and what each kind of failure becomes."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import botocore.exceptions as boto
import pytest
from botocore.loaders import Loader

from bot.errors import CloudError, Outcome, SettingsError
from bot.integrations.aws import clients as module
from bot.integrations.aws.clients import Clients, cloud_errors
from tests.bot.aws import credentials

SECRET = "not-for-anyone-to-read"
QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/alerts"
ARN = "arn:aws:sqs:eu-west-1:123456789012:alerts"


@pytest.fixture(autouse=True, scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Made-up credentials: nothing outside decides what happens here."""
    with credentials(tmp_path_factory.mktemp("aws"), "AKIATEST", SECRET):
        yield


class Stub:
    """A server with one answer to everything: a status with headers and a body, no answer, or a dropped call."""

    headers: dict[str, str]

    def __init__(self) -> None:
        self.over = threading.Event()
        self.reset()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                stub.calls += 1
                self.rfile.read(int(self.headers["Content-Length"]))
                if stub.hangs:
                    stub.over.wait(10)
                if stub.hangs or stub.drops:
                    self.close_connection = True
                    return
                self.send_response(stub.status)
                for name, value in stub.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(stub.body)))
                self.end_headers()
                self.wfile.write(stub.body.encode())

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def reset(self) -> None:
        self.over.set()
        self.over = threading.Event()
        self.status, self.body, self.headers = 200, "{}", {}
        self.drops = self.hangs = False
        self.calls = 0

    def answer(self, status: int, code: str, message: str = "", **headers: str) -> None:
        self.status, self.headers = status, headers
        self.body = json.dumps({"__type": code, "message": message})


@pytest.fixture(scope="module")
def server() -> Iterator[Stub]:
    stub = Stub()
    stub.thread.start()
    yield stub
    stub.server.shutdown()
    stub.server.server_close()
    stub.thread.join()


@pytest.fixture
def stub(server: Stub) -> Iterator[Stub]:
    yield server
    server.reset()


@pytest.fixture(scope="module")
def clients(server: Stub) -> Iterator[Clients]:
    with closing(Clients("eu-west-1", server.url)) as clients:
        yield clients


@pytest.fixture
def new_clients(stub: Stub) -> Iterator[Clients]:
    with closing(Clients("eu-west-1", stub.url)) as clients:
        yield clients


def failed(clients: Clients, *, read_timeout: float = 5.0) -> CloudError:
    """What a call that receives messages becomes, made once."""
    with pytest.raises(CloudError) as caught, cloud_errors("sqs:ReceiveMessage", ARN):
        clients.get("sqs", read_timeout=read_timeout, attempts=1).receive_message(QueueUrl=QUEUE)
    assert SECRET not in str(caught.value)
    return caught.value


def from_boto(error: Exception) -> CloudError:
    with pytest.raises(CloudError) as caught, cloud_errors("sqs:ReceiveMessage", ARN):
        raise error
    return caught.value


# -- regions and sharing


def test_the_given_region_comes_before_boto3s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    assert Clients("eu-west-1").region == "eu-west-1"
    assert Clients().region == "ap-south-1"


def test_a_missing_region_names_the_variable() -> None:
    with pytest.raises(SettingsError, match="AWS_REGION"):
        _ = Clients().region


def test_a_missing_profile_is_a_matter_of_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(SettingsError, match=r"AWS_PROFILE.*nobody"):
        _ = Clients().region


def test_a_region_out_of_a_message_must_look_like_one() -> None:
    with pytest.raises(CloudError, match="invalid_region"):
        Clients("eu-west-1").get("sns", region="evil.example.com/")


def test_a_client_is_made_once_for_each_region_and_patience(clients: Clients) -> None:
    made = {id(clients.get("sqs")), id(clients.get("sqs", region="eu-west-1"))}
    assert len(made) == 1
    assert clients.get("sqs", region="us-east-1") is not clients.get("sqs")
    patient = clients.get("sqs", read_timeout=25.0, attempts=1)
    assert patient.meta.config.read_timeout == 25.0
    assert patient.meta.config.connect_timeout == 3.0
    assert patient.meta.config.retries == {"mode": "standard", "total_max_attempts": 1}
    assert patient.meta.config.tcp_keepalive


def test_threads_that_ask_at_once_get_the_same_client(clients: Clients) -> None:
    got: list[Any] = []
    threads = [threading.Thread(target=lambda: got.append(clients.get("events"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 8
    assert len({id(client) for client in got}) == 1


def test_regions_out_of_messages_dont_pile_up_clients(new_clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CLIENTS", 2)
    oldest = new_clients.get("sns", region="eu-west-1")
    used = new_clients.get("sns", region="eu-west-2")
    new_clients.get("sns", region="eu-west-3")
    assert new_clients.get("sns", region="eu-west-2") is used
    assert new_clients.get("sns", region="eu-west-1") is not oldest


def test_models_read_as_plain_dicts_are_those_that_botocore_reads() -> None:
    ours, theirs = Loader(file_loader=module._PlainJson()), Loader()
    for service in ("sqs", "sns", "events", "cloudwatch"):
        for kind in ("service-2", "endpoint-rule-set-1"):
            assert ours.load_service_model(service, kind) == theirs.load_service_model(service, kind)
    assert ours.load_data("endpoints") == theirs.load_data("endpoints")
    with pytest.raises(boto.DataNotFoundError):
        ours.load_data("no-such-model")


@pytest.mark.parametrize("endpoint", [None, "https://vpce-1.sqs.us-east-1.vpce.amazonaws.com"])
def test_credentials_that_come_later_are_found(endpoint: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with closing(Clients("us-east-1", endpoint)) as clients:
        for _ in range(2):
            with pytest.raises(CloudError) as failure:
                clients.get("sqs")
            error = failure.value
            assert (error.code, error.retryable, error.outcome) == ("no_credentials", False, Outcome.NOT_DONE)
            assert "credentials" in error.detail
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
        assert clients.get("sqs")


def test_what_stands_in_for_aws_is_asked_without_credentials(
    stub: Stub, new_clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert new_clients.get("sqs").receive_message(QueueUrl=QUEUE)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert stub.calls == 1


# -- answers


@pytest.mark.parametrize(
    ("message", "detail"),
    [
        (
            "User: arn:aws:sts::123456789012:assumed-role/bot/i-1 is not authorized to perform: sqs:receivemessage "
            f"on resource: {ARN} because no identity-based policy allows the sqs:receivemessage action",
            f"sqs:receivemessage on {ARN}",
        ),
        (
            "User: x is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-west-1:1:key/k with an "
            "explicit deny",
            "kms:Decrypt on arn:aws:kms:eu-west-1:1:key/k",
        ),
        ("Access to the resource is denied.", f"sqs:ReceiveMessage on {ARN}"),
    ],
)
@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "AuthorizationError", "403", "Odd"])
def test_a_denial_names_the_action_and_its_resource(
    stub: Stub, clients: Clients, code: str, message: str, detail: str
) -> None:
    stub.answer(403, code, message)
    error = failed(clients)
    assert (error.retryable, error.outcome, error.detail) == (False, Outcome.NOT_DONE, detail)
    assert error.code == ("http_403" if code == "403" else code)


@pytest.mark.parametrize(
    ("status", "code", "retryable", "outcome"),
    [
        (400, "QueueDoesNotExist", False, Outcome.NOT_DONE),
        (400, "AWS.SimpleQueueService.NonExistentQueue", False, Outcome.NOT_DONE),
        (404, "ResourceNotFound", False, Outcome.NOT_DONE),
        (404, "NotFound", False, Outcome.NOT_DONE),
        (400, "Throttling", True, Outcome.NOT_DONE),
        (400, "ThrottlingException", True, Outcome.NOT_DONE),
        (403, "RequestThrottled", True, Outcome.NOT_DONE),
        (503, "RequestLimitExceeded", True, Outcome.NOT_DONE),
        (429, "Slowly", True, Outcome.NOT_DONE),
        (500, "InternalFailure", True, Outcome.UNKNOWN),
        (503, "ServiceUnavailable", True, Outcome.UNKNOWN),
    ],
)
def test_an_error_says_whether_to_try_again(
    stub: Stub, clients: Clients, status: int, code: str, retryable: bool, outcome: Outcome
) -> None:
    stub.answer(status, code, "Because.")
    error = failed(clients)
    assert (error.code, error.retryable, error.outcome) == (code, retryable, outcome)
    assert error.detail == f"sqs:ReceiveMessage on {ARN}: Because."


def test_a_wait_that_is_asked_for_is_told(stub: Stub, clients: Clients) -> None:
    stub.answer(400, "ThrottlingException", **{"Retry-After": "7"})
    assert failed(clients).retry_after == 7.0
    stub.answer(400, "ThrottlingException", **{"Retry-After": "Tue, 01 Jul 2025 00:00:00 GMT"})
    assert failed(clients).retry_after is None


@pytest.mark.parametrize(
    "code",
    ["ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException", "InvalidToken"],
)
def test_refused_credentials_are_told_without_what_aws_quotes(stub: Stub, clients: Clients, code: str) -> None:
    stub.answer(403, code, f"The canonical string should have been x-amz-security-token:{SECRET}")
    error = failed(clients)
    assert (error.code, error.retryable) == (code, False)
    assert error.detail == "credentials: AWS does not accept the bot's for sqs:ReceiveMessage"
    assert error.__cause__ is None
    assert error.__suppress_context__, "a traceback would quote it"


def test_a_server_without_sense(stub: Stub, clients: Clients) -> None:
    stub.body = "<html>Sign in to the hotel's network"
    with pytest.raises(CloudError) as caught, cloud_errors("sns:Publish"):
        clients.get("sns").publish(TopicArn=ARN, Message="hello")
    error = caught.value
    assert (error.code, error.retryable, error.outcome) == ("unexpected_answer", True, Outcome.UNKNOWN)


# -- no answer


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with closing(Clients("eu-west-1", url)) as clients:
            error = failed(clients)
    assert (error.code, error.retryable, error.outcome) == ("connection", True, Outcome.NOT_DONE)
    assert error.detail == "sqs:ReceiveMessage: EndpointConnectionError at 127.0.0.1"


def test_an_answer_that_does_not_come(stub: Stub, clients: Clients) -> None:
    stub.hangs = True
    error = failed(clients, read_timeout=0.1)
    assert (error.code, error.retryable, error.outcome) == ("timeout", True, Outcome.UNKNOWN)


def test_a_connection_that_is_dropped(stub: Stub, clients: Clients) -> None:
    stub.drops = True
    error = failed(clients)
    assert (error.code, error.retryable, error.outcome) == ("connection", True, Outcome.UNKNOWN)


def test_two_attempts_are_made_unless_one_is_asked_for(
    stub: Stub, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.retries.standard.random.random", float)  # no pause in between
    stub.drops = True
    failed(clients)
    assert stub.calls == 1
    with pytest.raises(CloudError), cloud_errors("sqs:ReceiveMessage"):
        clients.get("sqs").receive_message(QueueUrl=QUEUE)
    assert stub.calls == 3


@pytest.mark.parametrize(
    ("error", "code", "retryable", "outcome"),
    [
        (boto.ConnectTimeoutError(endpoint_url="https://x"), "timeout", True, Outcome.NOT_DONE),
        (boto.SSLError(endpoint_url="https://x", error="eof"), "connection", True, Outcome.UNKNOWN),
        (boto.PartialCredentialsError(provider="env", cred_var="x"), "no_credentials", False, Outcome.NOT_DONE),
        (boto.CredentialRetrievalError(provider="ecs", error_msg=SECRET), "credentials", True, Outcome.NOT_DONE),
        (boto.ParamValidationError(report=SECRET), "invalid_request", False, Outcome.NOT_DONE),
        (boto.DataNotFoundError(data_path="x"), "client", False, Outcome.NOT_DONE),
    ],
)
def test_what_boto3_finds_itself(error: Exception, code: str, retryable: bool, outcome: Outcome) -> None:
    told = from_boto(error)
    assert (told.code, told.retryable, told.outcome) == (code, retryable, outcome)
    assert SECRET not in str(told)


def test_what_is_no_fault_of_aws_stays_what_it_is() -> None:
    with pytest.raises(ZeroDivisionError), cloud_errors("sqs:ReceiveMessage"):
        _ = 1 / 0
