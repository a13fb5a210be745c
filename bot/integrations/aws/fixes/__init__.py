"""Changes to AWS, each planned before and followed to its end: the Fixes port.

fixes.py       AwsFixes, which hands each order to one of these:
scaling.py     one task more
restarting.py  tasks, one at a time
rollback.py    a service's task definition
rotation.py    a function's alias
runbooks.py    the six SSM documents; subjects.py looks at what they change, runs.py and automation.py run them

ecs.py and aliases.py make the calls; revisions.py and stability.py compare and choose, pure.
"""

from __future__ import annotations

from bot.integrations.aws.fixes.fixes import AwsFixes
from bot.integrations.aws.fixes.runs import RunAs

__all__ = ["AwsFixes", "RunAs"]
