"""Who an access key belongs to: `sandbox-ana` is the user ana, the bot's key is a session of its role.

STS and CloudTrail name them alike. The token of an automation's session is its name: `Automation-<id of the run>`.
"""

import re
from dataclasses import dataclass
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.responses import ActionResult
from moto.sts.responses import TokenResponse

BOT_KEY = "sandbox-bot"
SHOP_KEY = "sandbox-shop"
BOT_ROLE = "aiops-bot"
PREFIX = "sandbox-"
TOKEN = "X-Amz-Security-Token"
AUTOMATION = "automation."  # and the name of a role: an automation that took it on
DEPLOYER_KEY = f"{PREFIX}ci-deployer"
OPERATOR_KEY = f"{PREFIX}ana"
SHOPS = frozenset((SHOP_KEY, DEPLOYER_KEY, OPERATOR_KEY))  # the little production and its people
_CREDENTIAL = re.compile(r"Credential=([^/]+)/")


@dataclass(frozen=True)
class Identity:
    name: str
    key: str
    role: str | None = None

    @property
    def arn(self) -> str:
        if self.role:
            return f"arn:aws:sts::{DEFAULT_ACCOUNT_ID}:assumed-role/{self.role}/{self.name}"
        return f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:user/{self.name}"

    @property
    def principal(self) -> str:
        return f"AROASANDBOX:{self.name}" if self.role else f"AIDA{self.name.upper()}"

    @property
    def is_automation(self) -> bool:
        return self.key.startswith(PREFIX + AUTOMATION)

    @property
    def described(self) -> dict[str, object]:
        """CloudTrail's userIdentity."""
        plain: dict[str, object] = {
            "type": "AssumedRole" if self.role else "IAMUser",
            "principalId": self.principal,
            "arn": self.arn,
            "accountId": DEFAULT_ACCOUNT_ID,
            "accessKeyId": self.key,
        }
        if not self.role:
            return plain | {"userName": self.name}
        issuer = {"type": "Role", "arn": f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/{self.role}", "userName": self.role}
        told = plain | {"sessionContext": {"sessionIssuer": issuer}}
        return told | {"invokedBy": "ssm.amazonaws.com"} if self.is_automation else told


def identity(key: str, token: str = "") -> Identity:
    name = BOT_ROLE if key == BOT_KEY else key.removeprefix(PREFIX)
    if name.startswith(AUTOMATION):
        role = name.removeprefix(AUTOMATION)
        return Identity(token or role, key, role=role)
    return Identity(name, key, role=BOT_ROLE if key == BOT_KEY else None)


def caller(response: Any) -> Identity:
    """Who one of moto's responses is for; moto itself only knows keys that begin like Amazon's."""
    found = _CREDENTIAL.search(response.headers.get("Authorization") or "")
    return identity(found[1] if found else "", response.headers.get(TOKEN) or "")


def get_caller_identity(response: TokenResponse) -> ActionResult:
    who = caller(response)
    return ActionResult({"UserId": who.principal, "Account": DEFAULT_ACCOUNT_ID, "Arn": who.arn})


def install() -> None:
    setattr(TokenResponse, get_caller_identity.__name__, get_caller_identity)


def key_of(user: str) -> str:
    """The access key that a user of this account calls with."""
    return f"{PREFIX}{user}"
