"""Who an access key belongs to: `sandbox-ana` is the user ana, the bot's key is a session of its role."""

import re
from dataclasses import dataclass
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID

BOT_KEY = "sandbox-bot"
SHOP_KEY = "sandbox-shop"
BOT_ROLE = "aiops-bot"
PREFIX = "sandbox-"
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
    def described(self) -> dict[str, object]:
        """CloudTrail's userIdentity."""
        plain: dict[str, object] = {
            "type": "AssumedRole" if self.role else "IAMUser",
            "principalId": f"AROASANDBOX:{self.name}" if self.role else f"AIDA{self.name.upper()}",
            "arn": self.arn,
            "accountId": DEFAULT_ACCOUNT_ID,
            "accessKeyId": self.key,
        }
        if not self.role:
            return plain | {"userName": self.name}
        issuer = {"type": "Role", "arn": f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/{self.role}", "userName": self.role}
        return plain | {"sessionContext": {"sessionIssuer": issuer}}


def identity(key: str) -> Identity:
    name = BOT_ROLE if key == BOT_KEY else key.removeprefix(PREFIX)
    if name.startswith(AUTOMATION):
        name = name.removeprefix(AUTOMATION)
        return Identity(name, key, role=name)
    return Identity(name, key, role=BOT_ROLE if key == BOT_KEY else None)


def caller(response: Any) -> Identity:
    """Who one of moto's responses is for; moto itself only knows keys that begin like Amazon's."""
    found = _CREDENTIAL.search(response.headers.get("Authorization") or "")
    return identity(found[1] if found else "")


def key_of(user: str) -> str:
    """The access key that a user of this account calls with."""
    return f"{PREFIX}{user}"
