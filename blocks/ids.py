"""Every id that travels through Slack and comes back: actions, views, shortcuts. The names are fixed."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """Action ids of buttons and selects."""

    ACKNOWLEDGE = "incident.acknowledge"
    ASSIGN_ME = "incident.assign_me"
    UPDATE = "incident.update"
    SEVERITY = "incident.severity"
    TIMELINE = "incident.timeline"
    TIMELINE_PAGE = "incident.timeline_page"
    TIMELINE_NEWEST = "incident.timeline_newest"
    RESOLVE = "incident.resolve"
    REOPEN = "incident.reopen"
    RESOLUTION = "incident.resolution"
    SHOW = "incident.show"
    CHOOSE = "incident.choose"
    DECLARE = "incident.declare"
    ALERT_ACKNOWLEDGE = "alert.acknowledge"
    ALERT_SILENCE = "alert.silence"
    ALERT_UNSILENCE = "alert.unsilence"
    ALERT_SEVERITY = "alert.severity"
    ALERT_WHY = "alert.why"
    ALERTS = "alert.list"
    RCA_RUN = "rca.run"
    RCA_EVIDENCE = "rca.evidence"
    RCA_DISMISS = "rca.dismiss"
    ROLLBACK = "remediation.rollback"
    SCALE_UP = "remediation.scale_up"
    RESTART = "remediation.restart"
    RUN = "remediation.run"
    APPROVE = "remediation.approve"
    REJECT = "remediation.reject"
    REHEARSE = "remediation.rehearse"
    UNDO = "remediation.undo"
    RETRY = "remediation.retry"


class View(StrEnum):
    """Callback ids of modals."""

    DECLARE = "incident.declare"
    UPDATE = "incident.update"
    SEVERITY = "incident.severity"
    RESOLUTION = "incident.resolution"
    ADD_TO_TIMELINE = "incident.add_to_timeline"
    TIMELINE = "incident.timeline"
    SILENCE = "alert.silence"
    ALERT_SEVERITY = "alert.severity"
    WHY = "alert.why"
    RESOLVE = "incident.resolve"
    ROLLBACK = "remediation.rollback"
    RUNBOOK = "remediation.runbook"
    EVIDENCE = "rca.evidence"


class Shortcut(StrEnum):
    """Callback ids of shortcuts, as in manifest.yml."""

    DECLARE = "incident.declare"
    DECLARE_FROM_MESSAGE = "incident.declare_from_message"
    ADD_TO_TIMELINE = "incident.add_to_timeline"


class Input(StrEnum):
    """Block ids of modal inputs; the name people see in errors is the same word."""

    SERVICE = "service"
    SEVERITY = "severity"
    IMPACT = "impact"
    COMMANDER = "commander"
    UPDATE = "update"
    STATUS = "status"
    REASON = "reason"
    RESOLUTION = "resolution"
    NOTE = "note"
    INCIDENT = "incident"
    DURATION = "duration"
    REVISION = "revision"
    RUNBOOK = "runbook"
    PARAMETERS = "parameters"
