"""From the submit of the declare form to the template that everybody sees."""

from __future__ import annotations

import time
from collections import defaultdict
from contextlib import ExitStack

from benchmarks.acks import timed
from benchmarks.client import PERSON, Json, Seen
from benchmarks.report import Report, middle, spread
from benchmarks.world import BUILTIN, OURS, Bot, World, world

WORLDS = 6
ROUNDS = 14
SLOW_ROUNDS = 4
SLOW_SECONDS = 0.1
PACE = 2.1  # the bot posts about once a second in a channel, and an incident is two posts
DONE_WITHIN = 20.0
SEVERITIES = ("SEV-3", "SEV-1")
_CHOSEN = {"service": "checkout-api", "impact": "payments fail"}
Samples = defaultdict[tuple[str, str], list[float]]


def declare(report: Report) -> None:
    """Six bots take turns, since each paces its posts; one bare Bolt app beside them. Then with 100 ms a call."""
    samples: Samples = defaultdict(list)
    with ExitStack() as stack:
        bare = stack.enter_context(world())
        stack.enter_context(bare.bot(BUILTIN))
        places = [_Place(stack) for _ in range(WORLDS)]
        for number in range(ROUNDS):
            severity = SEVERITIES[number % 2]
            for place in places:
                samples[BUILTIN.name, "both"].append(timed(bare, BUILTIN, lambda: bare.send("/incident x"))[1])
                place.sample(severity, samples)
        for place in places:
            place.world.keyboard.post("/control/fault", method="*", kind="delay", seconds=SLOW_SECONDS, times=None)
        for number in range(SLOW_ROUNDS):
            for place in places:
                place.sample(SEVERITIES[number % 2], samples, prefix="slow ")
    _tell(report, samples)


class _Place:
    """A world with our bot in it, and the moment from which it may post again."""

    def __init__(self, stack: ExitStack) -> None:
        self.world: World = stack.enter_context(world())
        self._bot: Bot = stack.enter_context(self.world.bot(OURS))
        self._free_at = 0.0
        self._form()
        for severity in SEVERITIES:  # the first of everything is slower and is not counted
            self.sample(severity, defaultdict(list))

    def sample(self, severity: str, samples: Samples, prefix: str = "") -> None:
        """Declare one: 1. fill in the form, 2. submit, 3. see the template, 4. wait until nothing is owed."""
        time.sleep(max(0.0, self._free_at - time.monotonic()))
        self._free_at = time.monotonic() + PACE
        form = self._form()
        before = self.world.calls_so_far()
        clock, started = time.time(), time.perf_counter()
        self._submit(form, severity)
        seen = self.world.page.wait(_is_template, "the template")
        self._settle()
        calls = self.world.calls(before)
        post = next(call for call in calls if _says_declared(call))
        key = f"{prefix}{severity} "
        samples[OURS.name, key + "template"].append((seen.at - started) * 1000)
        samples[OURS.name, key + "series"].append(in_series(calls, post))
        samples[OURS.name, key + "calls"].append(len(calls))
        samples[OURS.name, key + "done"].append((max(call["ended"] for call in calls) - clock) * 1000)

    def _form(self) -> Json:
        self.world.page.forget()
        self.world.send("/incident declare")
        return dict(self.world.page.wait(lambda seen: seen.kind == "view_opened", "the form").event["view"])

    def _submit(self, form: Json, severity: str) -> None:
        values = {block["block_id"]: _filled(block, severity) for block in form["blocks"] if block["type"] == "input"}
        state = {"values": values}
        answer = self.world.keyboard.post("/sandbox/view/submit", **{"as": PERSON}, view_id=form["id"], state=state)
        if not answer["ok"]:
            raise RuntimeError(f"the form was refused: {answer}")

    def _settle(self) -> None:
        until = time.monotonic() + DONE_WITHIN
        while self._bot.owes():
            if time.monotonic() > until:
                raise TimeoutError(f"something is still owed after {DONE_WITHIN} s")
            time.sleep(0.01)


def _filled(block: Json, severity: str) -> Json:
    element = block["element"]
    match element["type"]:
        case "static_select":
            picked = next(each for each in element["options"] if severity in each["text"]["text"])
            value = {"type": "static_select", "selected_option": picked}
        case "users_select":
            value = {"type": "users_select", "selected_user": element["initial_user"]}
        case kind:
            value = {"type": kind, "value": _CHOSEN[block["block_id"]]}
    return {element["action_id"]: value}


def _is_template(seen: Seen) -> bool:
    return seen.kind == "message" and "INCIDENT DECLARED" in str(seen.message.get("text"))


def _says_declared(call: Json) -> bool:
    return call["method"] == "chat.postMessage" and "INCIDENT DECLARED" in str(call["args"].get("text"))


def in_series(calls: list[Json], last: Json) -> int:
    """How many calls each waited for the one before it, up to and with `last`."""
    earlier = [call for call in calls if call["ended"] <= last["started"]]
    return 1 + max((in_series(earlier, call) for call in earlier), default=0)


def _tell(report: Report, samples: Samples) -> None:
    bare = samples[BUILTIN.name, "both"]
    report.row("bare command → acked and posted, ms, p50 / p99", {BUILTIN.name: spread(bare)})
    for prefix, words in (("", ""), ("slow ", f" at {SLOW_SECONDS * 1000:.0f} ms a call")):
        for severity in SEVERITIES:
            ours = {each: samples[OURS.name, f"{prefix}{severity} {each}"] for each in ("template", "calls", "done")}
            title = f"{severity}{words}, submit →"
            report.row(f"{title} template seen, ms, p50 / p99", {OURS.name: spread(ours["template"])})
            report.row(f"{title} everything done, ms, p50 / p99", {OURS.name: spread(ours["done"])})
            report.row(f"{title} Web API calls", {OURS.name: f"{middle(ours['calls']):.0f}"})
    for severity in SEVERITIES:
        template = middle(samples[OURS.name, f"{severity} template"])
        report.aim(f"{severity}: submit → template seen, p50, against 2 × bare Bolt", template, 2 * middle(bare), " ms")
        # only where a call takes long can it be told which calls waited for each other
        series = max(samples[OURS.name, f"slow {severity} series"])
        report.aim(f"{severity}: Web API calls in series up to the template", series, 2)
