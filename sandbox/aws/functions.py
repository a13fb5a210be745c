"""Lambda aliases that nobody changes unseen: an update with an old revision id is refused, and each makes a new one."""

import json
import uuid
from typing import Any
from urllib.parse import unquote

from moto.awslambda.exceptions import PreconditionFailedException
from moto.awslambda.responses import LambdaResponse

STALE = (
    "The RevisionId provided does not match the latest RevisionId. "
    "Call the GetFunction/GetAlias API to retrieve the latest RevisionId"
)
_update_alias = LambdaResponse.update_alias


def update_alias(response: LambdaResponse) -> Any:
    name, function = unquote(response.path.rsplit("/", 2)[-1]), unquote(response.path.rsplit("/")[-3])
    alias = response.backend.get_alias(name, function)
    given = json.loads(response.body).get("RevisionId")
    if given and given != alias.revision_id:
        raise PreconditionFailedException(STALE)
    before, alias.revision_id = alias.revision_id, str(uuid.uuid4())
    try:
        return _update_alias(response)
    except Exception:
        alias.revision_id = before
        raise


def install() -> None:
    setattr(LambdaResponse, update_alias.__name__, update_alias)
