"""What is said when a remediation did not help or somebody escalates: where to meet, and the manual runbook's steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from blocks.by_hand import Manual, did_not_help, escalated
from bot.config import Config
from bot.handbook import manual_steps
from bot.investigation import cause_of
from bot.models import Action, Cause, Incident, Message, Owed, Remediation
from bot.planning import Subject, alarm_of, incident_of, noted
from bot.resources import Resources, resources
from bot.runbooks import MANUAL
from bot.signals import Alarm
from bot.store import Store

_BLANK = re.compile(r"<([a-z-]+)>")
_PLAIN = re.compile(r"[\w.:/@+=-]+")
"""What a shell takes as one word: alarms' names and dimensions are foreign, and people paste these commands."""


class Escalations:
    """`bridge` gives an incident's bridge."""

    def __init__(self, store: Store, config: Config, bridge: Callable[[Incident], str]) -> None:
        self._store = store
        self._config = config
        self._bridge = bridge

    def __call__(self, fix: Remediation, subject: Subject | None) -> Message:
        """The manual runbook of the cause that was found, else of the automated runbook that failed."""
        page = fix.order.runbook or self._page(subject)
        return did_not_help(fix, self._manual(page, subject, fix.order.service, fix))

    def asked_for(self, subject: Subject, by: str) -> tuple[Owed, ...]:
        """Somebody (`by`, a user) calls for more people: what they are to do, and where they meet."""
        message = escalated(by, self._manual(self._page(subject), subject, subject.service))
        return noted(self._store, subject, message, presses=True)

    def _page(self, subject: Subject | None) -> str:
        return MANUAL[cause_of(self._store, subject) if subject is not None else Cause.UNKNOWN]

    def _manual(self, page: str, subject: Subject | None, service: str, fix: Remediation | None = None) -> Manual:
        alarm, entry = alarm_of(self._store, subject, service), self._config.service(service)
        known = _names(resources(entry, alarm), alarm, entry.dashboard or "")
        known |= {"family": fix.plan.before.rpartition(":")[0]} if fix and fix.order.action is Action.ROLLBACK else {}
        number = incident_of(subject)
        bridge = self._bridge(self._store.incident(number)) if number is not None else self._config.bridge_url
        steps = [each._replace(command=_filled(each.command, known)) for each in manual_steps(page)]
        return Manual(page, steps, bridge, entry.dashboard)


def _filled(command: str, known: Mapping[str, str]) -> str:
    """What is not known, or could be more than a word to a shell, stays a blank, which makes the shell stop."""
    return _BLANK.sub(lambda blank: known[blank[1]] if _PLAIN.fullmatch(known.get(blank[1], "")) else blank[0], command)


def _names(where: Resources, alarm: Alarm | None, dashboard: str) -> dict[str, str]:
    """What docs/runbooks/README.md calls the things."""
    told = dict(alarm.dimensions) if alarm is not None else {}
    queue = where.dead_letter_queue
    return {
        "region": where.region,
        "cluster": where.cluster.rpartition("/")[2],
        "service": where.ecs_service.rpartition("/")[2],
        "log-group": next(iter(where.log_groups), ""),
        "load-balancer": where.load_balancer,
        "function": where.function,
        "alias": where.alias,
        "asg": where.auto_scaling_group,
        "db-instance": told.get("DBInstanceIdentifier") or where.database,
        "db-cluster": told.get("DBClusterIdentifier") or where.database,
        "dlq-url": queue if queue.startswith("https://") else "",
        "distribution-id": where.distribution,
        "alarm": alarm.name if alarm is not None else "",
        "dashboard": _dashboard(dashboard),
    }


def _dashboard(address: str) -> str:
    """The name in a link of CloudWatch's console, which writes it in two ways."""
    _, mark, rest = address.partition("#dashboards")
    return rest.removeprefix(":name=").removeprefix("/dashboard/") if mark else ""
