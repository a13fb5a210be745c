"""An external root cause function in Lambda, in place of the bot's own diagnosis: the Analyst port."""

from __future__ import annotations

import json
import logging
from typing import Any

from bot import rca
from bot.errors import CloudError, InvalidInput, SettingsError
from bot.integrations.aws.clients import Clients, arn_field, cloud_errors
from bot.models import Diagnosis, Evidence

log = logging.getLogger(__name__)

MAX_ANSWER = 6 * 1024 * 1024  # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_WHY = 200


class LambdaAnalyst:
    """Invokes `function`, a name or an ARN, and waits at most `seconds`.

    Where it fails, is too slow or can't be understood, the bot decides itself, and the report says so. It is asked
    once: an answer that was lost would be paid for twice.
    """

    def __init__(self, clients: Clients, function: str, seconds: float) -> None:
        self._clients = clients
        self._function = function
        self._seconds = seconds

    def __call__(self, evidence: Evidence) -> Diagnosis:
        ours = rca.diagnose(evidence)
        try:
            return rca.from_answer(self._asked(evidence), ours, self._name)
        except CloudError as error:
            why = f"no answer within {self._seconds:g} s" if error.code == "timeout" else error.detail or error.code
        except (InvalidInput, SettingsError) as error:
            why = str(error)
        log.warning("doing without the root cause function %s: %s", self._function, why)
        line = f"{self._name} — {' '.join(why.split())[:MAX_WHY]}; the bot decided itself"
        return ours.model_copy(update={"unseen": (*ours.unseen, line)})

    @property
    def _name(self) -> str:
        """What people call it, without account and region."""
        return arn_field(self._function, 5).removeprefix("function:") or self._function

    def _asked(self, evidence: Evidence) -> bytes:
        """What it answers. Raises CloudError."""
        region = arn_field(self._function, 3) or self._clients.region
        client = self._clients.get("lambda", region=region, read_timeout=self._seconds, attempts=1)
        payload = json.dumps(rca.to_question(evidence)).encode()
        with cloud_errors("lambda:InvokeFunction", self._function):
            answer = client.invoke(FunctionName=self._function, InvocationType="RequestResponse", Payload=payload)
            said: bytes = answer["Payload"].read(MAX_ANSWER)
        if answer.get("FunctionError"):
            raise CloudError("function_error", detail=f"it failed: {_message(said)}")
        return said


def _message(said: bytes) -> str:
    """What a failed function says of it."""
    try:
        told: Any = json.loads(said)
    except ValueError:
        told = None
    known = told if isinstance(told, dict) else {}
    return str(known.get("errorMessage") or known.get("errorType") or "it does not say why")[:MAX_WHY]
