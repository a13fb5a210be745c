"""The paging account as pdpyras, the page and an event bus see it."""

import http.client
import importlib
import json
import os
import shutil
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from sandbox.pagerduty.cast import (
    ANA,
    BOB,
    COMMANDERS,
    CY,
    DEE,
    KIM,
    SEARCH,
    SEARCH_KEY,
    SEARCH_POLICY,
    SHOP,
    SHOP_KEY,
    SHOP_POLICY,
    SHOP_PRIMARY,
    SHOP_SECONDARY,
)
from sandbox.pagerduty.thread import PagerDutyServer

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it calls itself deprecated when it is imported
    pdpyras: Any = importlib.import_module("pdpyras")

Json = dict[str, Any]

BOBS_ADDRESS = "bob@shop.example"


class Desk:
    """A server, the two sessions a bot holds, and what came out at the other end."""

    def __init__(self, server: PagerDutyServer, bus: list[Json]) -> None:
        self.server = server
        self._bus = bus
        self.events = _fast(pdpyras.EventsAPISession(SHOP_KEY), server.url)
        self.api = _fast(pdpyras.APISession("account-token", default_from=BOBS_ADDRESS), server.url)

    def close(self) -> None:
        self.events.close()
        self.api.close()

    def trigger(self, key: str = "k1", **more: Any) -> Json:
        """The incident that an event opened or changed."""
        self.events.trigger("Checkout fails", "checkout-api", dedup_key=key, **more)
        return self.incident(key)

    def incident(self, key: str = "k1") -> Json:
        return dict(self.api.list_all("incidents", params={"incident_key": key})[-1])

    def change(self, incident: Json, **fields: Any) -> Json:
        return dict(self.api.rput(incident, json={"type": "incident", **fields}))

    def bus(self) -> list[Json]:
        self.server.settle()
        return self._bus

    def kinds(self) -> list[str]:
        return [event["detail-type"].removeprefix("incident.") for event in self.bus()]

    def paged(self) -> list[tuple[str, str]]:
        return [(page["user"], page["reason"]) for page in self.server.show("pages")["pages"]]

    def calls(self, path: str) -> list[Json]:
        return [call for call in self.server.show("log")["calls"] if call["path"] == path]


def _fast(session: Any, url: str) -> Any:
    session.url, session.sleep_timer = url, 0.001
    return session


@pytest.fixture
def desk() -> Iterator[Desk]:
    bus: list[Json] = []
    with PagerDutyServer(deliver=bus.append) as server:
        made = Desk(server, bus)
        yield made
        made.close()


def refused(act: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[int, int]:
    """Status and PagerDuty's own code."""
    with pytest.raises(pdpyras.PDHTTPError) as caught:
        act(*args, **kwargs)
    response = caught.value.response
    return response.status_code, response.json()["error"]["code"]


def names(assigned: Json) -> list[str]:
    return [each["assignee"]["id"] for each in assigned["assignments"]]


def ref(kind: str, id_: str) -> Json:
    return {"id": id_, "type": f"{kind}_reference"}


# -- events


def test_an_event_opens_an_incident_and_pages_level_one(desk: Desk) -> None:
    made = desk.trigger(custom_details={"impact": "EU", "bridge": "https://meet.example/1"}, severity="critical")
    assert (made["status"], made["urgency"], made["title"]) == ("triggered", "high", "Checkout fails")
    assert (made["service"]["id"], made["escalation_policy"]["id"]) == (SHOP, SHOP_POLICY)
    assert (names(made), desk.paged()) == ([BOB], [(BOB, "level 1")])
    with_body = desk.api.rget(made, params={"include[]": ["body"]})
    assert with_body["body"]["details"] == {"impact": "EU", "bridge": "https://meet.example/1"}
    [alert] = desk.api.list_all(f"incidents/{made['id']}/alerts")
    assert (alert["alert_key"], alert["body"]["details"]["impact"]) == ("k1", "EU")


def test_the_same_key_updates_what_is_open_and_opens_anew_after_a_resolve(desk: Desk) -> None:
    first = desk.trigger(custom_details={"n": 1})
    again = desk.trigger(custom_details={"n": 2})
    assert (again["id"], desk.paged(), desk.kinds()) == (first["id"], [(BOB, "level 1")], ["triggered"])
    assert desk.api.rget(first, params={"include": ["body"]})["body"]["details"] == {"n": 2}
    desk.events.acknowledge("k1")
    assert desk.trigger()["status"] == "acknowledged"
    desk.events.resolve("k1")
    assert desk.incident()["status"] == "resolved"
    new = desk.trigger()
    assert (new["id"] != first["id"], new["incident_number"], new["status"]) == (True, 2, "triggered")
    assert desk.kinds() == ["triggered", "acknowledged", "resolved", "triggered"]


def test_an_unknown_key_is_taken_and_ignored(desk: Desk) -> None:
    assert desk.events.acknowledge("nothing") == "nothing"
    assert desk.events.resolve("nothing") == "nothing"
    assert (desk.api.list_all("incidents"), desk.bus()) == ([], [])


def test_keys_belong_to_a_service(desk: Desk) -> None:
    desk.trigger()
    desk.events.api_key = SEARCH_KEY
    other = desk.trigger()
    assert (other["service"]["id"], names(other), desk.incident()["id"]) == (SEARCH, [KIM], other["id"])
    desk.events.resolve("k1")
    assert [i["status"] for i in desk.api.list_all("incidents")] == ["triggered", "resolved"]


def test_severity_decides_urgency(desk: Desk) -> None:
    assert desk.trigger("a", severity="warning")["urgency"] == "low"
    assert desk.trigger("b", severity="error")["urgency"] == "high"


def test_a_key_is_made_up_if_none_is_given(desk: Desk) -> None:
    key = desk.events.trigger("Slow", "checkout-api")
    assert desk.incident(key)["title"] == "Slow"


def post(desk: Desk, body: Any, path: str = "/v2/enqueue") -> tuple[int, Json]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(desk.server.url + path, raw, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


PAYLOAD = {"summary": "s", "source": "x", "severity": "critical"}
EVENT = {"routing_key": SHOP_KEY, "event_action": "trigger", "payload": PAYLOAD}


def test_what_enqueue_answers(desk: Desk) -> None:
    status, said = post(desk, EVENT | {"dedup_key": "k"})
    assert (status, said) == (202, {"status": "success", "message": "Event processed", "dedup_key": "k"})
    status, said = post(desk, b"{")
    assert (status, said["errors"]) == (400, ["JSON parse error"])
    assert post(desk, [])[0] == 400


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"routing_key": None}, "'routing_key' is missing or blank"),
        ({"routing_key": "short"}, "Length of 'routing_key' is incorrect (should be 32 characters)"),
        ({"routing_key": "x" * 32}, "Invalid routing key"),
        ({"event_action": None}, "'event_action' is missing or blank"),
        ({"event_action": "close"}, "'event_action' is invalid"),
        ({"event_action": "resolve"}, "'dedup_key' is missing or blank"),
        ({"dedup_key": 7}, "'dedup_key' is invalid"),
        ({"dedup_key": "x" * 256}, "'dedup_key' max length 255"),
        ({"client": 7}, "'client' is invalid"),
        ({"payload": None}, "'payload' is missing or blank"),
        ({"payload": PAYLOAD | {"summary": " "}}, "'payload.summary' is missing or blank"),
        ({"payload": PAYLOAD | {"summary": "x" * 1025}}, "'payload.summary' max length 1024"),
        ({"payload": PAYLOAD | {"severity": "fatal"}}, "'payload.severity' is invalid"),
        ({"payload": PAYLOAD | {"source": None}}, "'payload.source' is missing or blank"),
        ({"payload": PAYLOAD | {"component": []}}, "'payload.component' is invalid"),
        ({"payload": PAYLOAD | {"timestamp": "noon"}}, "'payload.timestamp' is invalid"),
        ({"payload": PAYLOAD | {"custom_details": "text"}}, "'payload.custom_details' is invalid"),
        ({"links": [{"text": "no address"}]}, "'links' is invalid"),
        ({"images": {}}, None),
    ],
)
def test_what_is_no_event(desk: Desk, wrong: Json, says: str | None) -> None:
    status, said = post(desk, EVENT | wrong)
    if says is None:
        assert status == 202
        return
    assert (status, said["status"], said["message"]) == (400, "invalid event", "Event object is invalid")
    assert any(line.startswith(says) for line in said["errors"]), said["errors"]


def test_a_refused_event_raises_what_a_bot_would_catch(desk: Desk) -> None:
    desk.events.api_key = "x" * 32
    with pytest.raises(pdpyras.PDHTTPError) as caught:
        desk.events.trigger("s", "x")
    assert caught.value.response.json()["errors"] == ["Invalid routing key"]


def test_the_keys_can_be_others() -> None:
    with PagerDutyServer(keys={SHOP: "y" * 32}) as server:
        desk = Desk(server, [])
        desk.events.api_key = "y" * 32
        assert desk.trigger()["service"]["id"] == SHOP
        desk.close()


# -- reading


def test_who_is_on_call(desk: Desk) -> None:
    def levels(**params: Any) -> list[tuple[int, str]]:
        found = desk.api.iter_all("oncalls", params=params)
        return [(each["escalation_level"], each["user"]["id"]) for each in found]

    assert levels(escalation_policy_ids=[SHOP_POLICY]) == [(1, BOB), (2, CY), (3, DEE)]
    assert levels(escalation_policy_ids=[SEARCH_POLICY])[0] == (1, KIM)
    assert levels(escalation_policy_ids=[COMMANDERS]) == [(1, ANA)]
    assert levels(schedule_ids=[SHOP_SECONDARY]) == [(2, CY), (2, CY)]
    assert levels(user_ids=[ANA]) == [(1, ANA)]
    desk.server.control("oncall", schedule=SHOP_PRIMARY, user=ANA)
    assert levels(escalation_policy_ids=[SHOP_POLICY])[0] == (1, ANA)


def test_on_calls_with_people_and_shifts(desk: Desk) -> None:
    params = {"include": ["users"], "escalation_policy_ids": [SHOP_POLICY], "until": "2199-01-01"}
    params |= {"since": "2198-12-20"}
    every = desk.api.list_all("oncalls", params=params)
    assert len([each for each in every if each["escalation_level"] == 1]) > 1
    first, _, third = desk.api.list_all("oncalls", params=params | {"earliest": "true"})
    assert (first["user"]["email"], first["schedule"]["id"]) == (BOBS_ADDRESS, SHOP_PRIMARY)
    assert first["start"] <= "2198-12-20" < first["end"]
    assert (third["schedule"], third["start"], third["end"]) == (None, None, None)
    assert refused(desk.api.rget, "oncalls", params={"since": "later"}) == (400, 2004)
    assert refused(desk.api.rget, "oncalls", params=params | {"until": "2000-01-01"}) == (400, 2005)


def test_people_services_and_policies(desk: Desk) -> None:
    assert desk.api.find("users", "kim@vendor.example", attribute="email")["id"] == KIM
    assert desk.api.find("users", "nobody@shop.example", attribute="email") is None
    assert desk.api.rget(f"users/{BOB}")["email"] == BOBS_ADDRESS
    assert desk.api.find("escalation_policies", "shop ON-call")["id"] == SHOP_POLICY
    rules = desk.api.rget(f"escalation_policies/{SHOP_POLICY}")["escalation_rules"]
    assert [rule["targets"][0]["id"] for rule in rules] == [SHOP_PRIMARY, SHOP_SECONDARY, DEE]
    assert desk.api.rget(f"services/{SHOP}")["status"] == "active"
    desk.trigger()
    assert {s["id"]: s["status"] for s in desk.api.list_all("services")} == {SHOP: "critical", SEARCH: "active"}
    for path in ("users/PNOBODY", "services/PNONE", "escalation_policies/PNONE", "incidents/QNONE", "teams"):
        assert refused(desk.api.rget, path) == (404, 2100)


def test_whose_token_it_is(desk: Desk) -> None:
    assert desk.api.api_key_access == "account"
    user = _fast(pdpyras.APISession("u+cy"), desk.server.url)
    assert (user.api_key_access, user.rget("users/me")["id"]) == ("user", CY)
    made = desk.trigger()
    user.rput(made, json={"status": "acknowledged"})
    assert names(desk.incident()) == [CY]
    user.close()
    wrong = _fast(pdpyras.APISession("wrong"), desk.server.url)
    assert refused(wrong.rget, "users") == (401, 2006)
    wrong.close()
    old = {"Accept": "application/vnd.pagerduty+json;version=1"}
    assert desk.api.get("users", headers=old).status_code == 400


def test_lists_come_in_pages(desk: Desk) -> None:
    for n in range(7):
        desk.trigger(f"k{n}")
    assert [i["incident_key"] for i in desk.api.iter_all("incidents", page_size=3)] == [f"k{n}" for n in range(7)]
    assert len(desk.calls("/incidents")) >= 3
    first = desk.api.jget("incidents", params={"limit": 3, "total": "true"})
    assert (first["more"], first["total"], first["offset"], first["limit"]) == (True, 7, 0, 3)
    last = desk.api.jget("incidents", params={"limit": 3, "offset": 6})
    assert (last["more"], last["total"], len(last["incidents"])) == (False, None, 1)
    assert refused(desk.api.rget, "incidents", params={"limit": "many"}) == (400, 2001)
    assert refused(desk.api.rget, "incidents", params={"offset": 10_000}) == (400, 2001)


def test_incidents_are_filtered_and_sorted(desk: Desk) -> None:
    one, two = desk.trigger("one"), desk.trigger("two", severity="info")
    desk.server.control("clock", advance=3600)
    desk.change(desk.trigger("three"), status="resolved")
    listed: list[tuple[Json, list[str]]] = [
        ({"statuses": ["triggered"]}, ["one", "two"]),
        ({"statuses[]": ["resolved"]}, ["three"]),
        ({"service_ids": [SEARCH]}, []),
        ({"urgencies": ["low"]}, ["two"]),
        ({"user_ids": [BOB]}, ["one", "two"]),
        ({"until": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1800))}, ["one", "two"]),
        ({"since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1800))}, ["three"]),
        ({"sort_by": "created_at:desc"}, ["three", "two", "one"]),
        ({"sort_by": "urgency:asc,incident_number:desc"}, ["two", "three", "one"]),
    ]
    for params, keys in listed:
        assert [i["incident_key"] for i in desk.api.iter_all("incidents", params=params)] == keys, params
    assert one["incident_number"] < two["incident_number"]
    with_user = desk.api.rget("incidents", params={"include": ["assignees"], "incident_key": "one"})
    assert with_user[0]["assignments"][0]["assignee"]["email"] == BOBS_ADDRESS
    assert refused(desk.api.rget, "incidents", params={"statuses": ["lost"]}) == (400, 1003)
    assert refused(desk.api.rget, "incidents", params={"sort_by": "mood"}) == (400, 2001)


def test_the_log_is_newest_first(desk: Desk) -> None:
    made = desk.trigger()
    desk.change(made, status="acknowledged")
    kinds = [
        entry["type"].removesuffix("_log_entry") for entry in desk.api.iter_all(f"incidents/{made['id']}/log_entries")
    ]
    assert kinds == ["acknowledge", "notify", "assign", "trigger"]
    every = desk.api.list_all("log_entries", params={"is_overview": "true"})
    assert [e["type"] for e in every] == ["acknowledge_log_entry", "trigger_log_entry"]
    assert (every[0]["agent"]["id"], every[1]["agent"]["type"]) == (BOB, "events_api_v2_inbound_integration_reference")
    assert desk.api.list_all("log_entries", params={"since": "2199-01-01"}) == []


# -- changing


def test_acknowledge_and_resolve(desk: Desk) -> None:
    made = desk.change(desk.trigger(), status="acknowledged")
    assert (made["status"], made["acknowledgements"][0]["acknowledger"]["id"]) == ("acknowledged", BOB)
    assert made["last_status_change_by"]["id"] == BOB
    desk.change(made, status="acknowledged")
    made = desk.change(made, status="resolved")
    assert (made["status"], made["assignments"], desk.kinds()) == (
        "resolved",
        [],
        ["triggered", "acknowledged", "resolved"],
    )
    assert refused(desk.change, made, status="resolved") == (400, 1001)
    assert refused(desk.change, made, status="acknowledged") == (400, 1001)


def test_somebody_else_who_acknowledges_takes_it_over(desk: Desk) -> None:
    made = desk.change(desk.trigger(), status="acknowledged")
    desk.server.control("ack", incident="k1", user=DEE)
    made = desk.incident()
    assert ([a["acknowledger"]["id"] for a in made["acknowledgements"]], names(made)) == ([BOB, DEE], [DEE])


def test_escalating_triggers_again_and_pages_the_next(desk: Desk) -> None:
    made = desk.change(desk.trigger(), status="acknowledged")
    made = desk.change(made, escalation_level=2)
    assert (made["status"], names(made), made["acknowledgements"]) == ("triggered", [CY], [])
    desk.change(made, escalation_level=3)
    assert desk.paged() == [(BOB, "level 1"), (CY, "escalated to level 2"), (DEE, "escalated to level 3")]
    assert desk.kinds() == ["triggered", "acknowledged", "escalated", "escalated"]
    assert refused(desk.change, made, escalation_level=4) == (400, 1006)
    assert refused(desk.change, made, escalation_level="up") == (400, 2001)
    desk.server.control("oncall", schedule=SHOP_SECONDARY, user=None)
    assert refused(desk.change, made, escalation_level=2) == (400, 1015)


def test_a_level_without_anybody_is_skipped(desk: Desk) -> None:
    desk.server.control("oncall", schedule=SHOP_PRIMARY, user=None)
    assert names(desk.trigger()) == [CY]
    assert desk.paged() == [(CY, "level 2")]


def test_to_other_people_and_other_policies(desk: Desk) -> None:
    made = desk.trigger()
    made = desk.change(made, assignments=[{"assignee": ref("user", KIM)}, {"assignee": ref("user", DEE)}])
    assert (names(made), made["assigned_via"]) == ([KIM, DEE], "direct_assignment")
    made = desk.change(made, escalation_policy=ref("escalation_policy", COMMANDERS))
    assert (names(made), made["escalation_policy"]["id"]) == ([ANA], COMMANDERS)
    assert desk.paged()[1:] == [(KIM, "direct"), (DEE, "direct"), (ANA, "level 1 of Incident commanders")]
    assert desk.kinds() == ["triggered", "reassigned", "delegated"]
    assert refused(desk.change, made, assignments=[{"assignee": ref("user", "PNO")}]) == (400, 1007)
    assert refused(desk.change, made, escalation_policy=ref("escalation_policy", "PNO")) == (400, 1014)
    assert refused(desk.change, made, status="triggered") == (400, 1003)
    assert desk.change(made, title="Better title", urgency="low")["summary"] == "[#1] Better title"


def test_several_at_once_or_none(desk: Desk) -> None:
    one, two = desk.trigger("one"), desk.trigger("two")
    both = [{"id": i["id"], "type": "incident_reference", "status": "acknowledged"} for i in (one, two)]
    assert [i["status"] for i in desk.api.rput("incidents", json=both)] == ["acknowledged"] * 2
    lost = [{"id": one["id"], "status": "resolved"}, {"id": "QNONE", "status": "resolved"}]
    assert refused(desk.api.rput, "incidents", json=lost) == (404, 2100)
    assert refused(desk.api.rput, "incidents", json=[lost[0], {"id": two["id"], "escalation_level": 9}]) == (400, 1006)
    assert desk.incident("one")["status"] == "acknowledged"


def test_changing_needs_somebody(desk: Desk) -> None:
    made = desk.trigger()
    desk.api.default_from = None
    assert refused(desk.change, made, status="acknowledged") == (400, 2002)
    assert desk.api.get(f"incidents/{made['id']}").ok
    desk.api.default_from = "bot@shop.example"
    assert refused(desk.change, made, status="acknowledged") == (400, 1008)
    desk.api.default_from = "Dee@shop.example"
    assert desk.change(made, status="acknowledged")["acknowledgements"][0]["acknowledger"]["id"] == DEE
    assert desk.api.put("incidents", data=b"{").status_code == 400
    assert desk.api.put("incidents", json={}).json()["error"]["code"] == 2003
    for wrong in ({"incidents": "all"}, {"incidents": [{"id": made["id"], "assignments": [1]}]}):
        assert desk.api.put("incidents", json=wrong).json()["error"]["code"] == 2001


def new(**more: Any) -> Json:
    return {"type": "incident", "title": "By hand", "service": ref("service", SHOP), **more}


def test_incidents_made_by_hand(desk: Desk) -> None:
    made = desk.api.rpost("incidents", json=new(incident_key="mine", body={"type": "incident_body", "details": "why"}))
    assert (made["incident_key"], names(made), made["urgency"]) == ("mine", [BOB], "high")
    assert refused(desk.api.rpost, "incidents", json=new(incident_key="mine")) == (400, 2002)
    desk.change(made, status="resolved")
    assert desk.api.rpost("incidents", json=new(incident_key="mine"))["id"] != made["id"]
    commanders = ref("escalation_policy", COMMANDERS)
    assert names(desk.api.rpost("incidents", json=new(escalation_policy=commanders))) == [ANA]
    direct = desk.api.rpost("incidents", json=new(assignments=[{"assignee": ref("user", KIM)}], urgency="low"))
    assert (names(direct), direct["status"]) == ([KIM], "triggered")
    assert desk.paged()[-1] == (KIM, "direct")
    for wrong in ({"title": ""}, {"urgency": "mild"}, {"assignments": [1], "escalation_policy": commanders}):
        assert refused(desk.api.rpost, "incidents", json=new(**wrong)) == (400, 2001)
    assert refused(desk.api.rpost, "incidents", json=new(service=ref("service", "PNO"))) == (400, 2002)


def test_who_makes_one_for_themselves_is_not_paged(desk: Desk) -> None:
    own = desk.api.rpost("incidents", json=new(assignments=[{"assignee": ref("user", BOB)}]))
    assert (own["status"], desk.paged()) == ("acknowledged", [])


def test_asking_others_to_join(desk: Desk) -> None:
    made = desk.trigger()
    targets = [{"responder_request_target": each} for each in (ref("user", DEE), ref("escalation_policy", COMMANDERS))]
    body = {"requester_id": BOB, "message": "please help", "responder_request_targets": targets}
    answer = desk.api.rpost(f"incidents/{made['id']}/responder_requests", json=body)
    asked = [t["responder_request_target"]["incident_responders"][0] for t in answer["responder_request_targets"]]
    assert [(a["user"]["id"], a["state"]) for a in asked] == [(DEE, "pending"), (ANA, "pending")]
    assert desk.paged()[1:] == [(DEE, "asked to join"), (ANA, "asked to join")]
    added = desk.bus()[-1]["detail"]["event"]["data"]
    assert (added["type"], added["user"]["id"], added["message"]) == ("incident_responder", ANA, "please help")
    assert names(desk.incident()) == [BOB]
    nobody = {"responder_request_targets": [{"responder_request_target": ref("user", "PNO")}]}
    path = f"incidents/{made['id']}/responder_requests"
    assert refused(desk.api.rpost, path, json={"responder_request_targets": ["PDEE001"]}) == (400, 2001)
    thing = {"responder_request_targets": [{"responder_request_target": ref("service", SHOP)}]}
    assert refused(desk.api.rpost, path, json=thing) == (404, 2100)
    assert refused(desk.api.rpost, path, json=nobody) == (400, 1007)
    assert refused(desk.api.rpost, path, json={}) == (400, 2001)


def test_notes(desk: Desk) -> None:
    path = f"incidents/{desk.trigger()['id']}/notes"
    assert desk.api.rpost(path, json={"content": "INC-1 in Slack"})["user"]["id"] == BOB
    assert [note["content"] for note in desk.api.rget(path)] == ["INC-1 in Slack"]
    assert desk.bus()[-1]["detail"]["event"]["data"]["content"] == "INC-1 in Slack"
    assert refused(desk.api.rpost, path, json={"content": " "}) == (400, 2001)


# -- by itself


def test_it_escalates_by_itself_only_if_told_to(desk: Desk) -> None:
    desk.trigger("before")
    desk.server.control("clock", advance=7200)
    assert desk.paged() == [(BOB, "level 1")]
    desk.server.control("escalation", after=300)
    desk.trigger("after")
    desk.trigger("low", severity="info")
    desk.trigger("taken")
    desk.server.control("ack", incident="taken", user=BOB)
    desk.server.control("clock", advance=301)
    assert names(desk.incident("after")) == [CY]
    desk.server.control("clock", advance=301)
    desk.server.control("clock", advance=301)
    pages = [(p["user"], p["key"]) for p in desk.server.show("pages")["pages"] if p["key"] not in ("before",)]
    assert pages == [(BOB, "after"), (BOB, "low"), (BOB, "taken"), (CY, "after"), (DEE, "after")]
    escalated = [e["detail"]["event"] for e in desk.bus() if e["detail-type"] == "incident.escalated"]
    assert [e["agent"]["type"] for e in escalated] == ["service_reference"] * 2


# -- partner events


def test_what_the_bus_carries(desk: Desk) -> None:
    desk.trigger()
    desk.server.control("ack", incident="k1", user=CY)
    event = desk.bus()[-1]
    assert event.keys() == {
        "version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail",
    }  # fmt: skip
    assert (event["version"], event["source"]) == ("0", "aws.partner/pagerduty.com/sandbox")
    inner = event["detail"]["event"]
    assert event["detail-type"] == inner["event_type"] == "incident.acknowledged"
    assert (inner["agent"]["type"], inner["agent"]["id"], inner["client"]) == (
        "user_reference",
        CY,
        {"name": "PagerDuty"},
    )
    data = inner["data"]
    assert (data["incident_key"], data["status"], data["number"], data["type"]) == ("k1", "acknowledged", 1, "incident")
    assert [each["id"] for each in data["assignees"]] == [CY]
    assert inner["occurred_at"].endswith("Z")


def test_the_agent_of_an_event_is_the_integration_and_of_a_call_the_user(desk: Desk) -> None:
    made = desk.trigger()
    desk.events.acknowledge("k1")
    desk.change(made, status="resolved")
    agents = [e["detail"]["event"]["agent"] for e in desk.bus()]
    integration = "events_api_v2_inbound_integration_reference"
    assert [a["type"] for a in agents] == [integration, integration, "user_reference"]
    assert names(made) == [BOB]


def test_the_bus_can_be_off_and_may_fail() -> None:
    def refuse(_: Json) -> None:
        raise OSError("queue is gone")

    with PagerDutyServer(deliver=refuse) as server:
        desk = Desk(server, [])
        server.control("partner", on=False)
        desk.trigger("quiet")
        server.control("partner", on=True)
        desk.trigger("loud")
        server.settle()
        shown = server.show("partner")
        assert ([e["detail"]["event"]["data"]["incident_key"] for e in shown["sent"]], shown["on"]) == (["loud"], True)
        assert shown["failed"] == ["incident.triggered: OSError('queue is gone')"]
        desk.close()
    with PagerDutyServer() as server:
        assert server.show("partner")["on"] is False


# -- trouble


@pytest.mark.logs_errors
def test_errors_on_demand(desk: Desk) -> None:
    desk.server.control("fault", path="/oncalls", kind="error", status=503)
    with pytest.raises(pdpyras.PDHTTPError) as caught:
        desk.api.rget("oncalls")
    assert caught.value.response.status_code == 503
    assert desk.api.rget("oncalls")
    desk.server.control("fault", path="/v2/enqueue", kind="error", status=500, times=2)
    desk.trigger()
    assert [c["status"] for c in desk.calls("/v2/enqueue")] == [500, 500, 202]


def test_rate_limits_on_demand(desk: Desk) -> None:
    assert desk.api.get("users").headers["ratelimit-limit"] == "960"
    desk.server.control("fault", path="/users", kind="ratelimited", retry_after=7, times=2)
    assert desk.api.rget("users")
    assert [c["status"] for c in desk.calls("/users")] == [200, 429, 429, 200]
    desk.server.control("fault", path="/v2/enqueue", kind="ratelimited", times=None)
    assert post(desk, EVENT)[0] == 429
    assert post(desk, EVENT)[0] == 429
    desk.server.control("faults/clear")
    assert post(desk, EVENT)[0] == 202


def test_calls_that_get_lost(desk: Desk) -> None:
    desk.server.control("fault", path="/v2/enqueue", kind="drop_after")
    made = desk.trigger()
    assert [c["status"] for c in desk.calls("/v2/enqueue")] == [0, 202]
    assert (made["incident_number"], desk.kinds()) == (1, ["triggered"])
    desk.server.control("fault", path="*", kind="drop_before", method="PUT")
    desk.change(made, status="acknowledged")
    assert [c["status"] for c in desk.calls(f"/incidents/{made['id']}")] == [0, 200]
    desk.server.control("fault", path="/users", kind="delay", seconds=0.05)
    before = time.monotonic()
    desk.api.rget("users")
    assert time.monotonic() - before >= 0.05


def test_what_the_log_keeps(desk: Desk) -> None:
    made = desk.trigger(custom_details={"a": 1})
    desk.change(made, status="acknowledged")
    [event] = desk.calls("/v2/enqueue")
    assert (event["body"]["dedup_key"], event["body"]["payload"]["custom_details"]) == ("k1", {"a": 1})
    [change] = [c for c in desk.calls(f"/incidents/{made['id']}") if c["method"] == "PUT"]
    assert (change["body"]["incident"]["status"], change["requester"]) == ("acknowledged", BOBS_ADDRESS)
    assert "account-token" not in json.dumps(desk.server.show("log"))
    assert desk.server.show(f"log?since={change['n']}")["calls"] == []


def test_controls(desk: Desk) -> None:
    made = desk.trigger()
    assert (
        desk.server.control("resolve", incident=str(made["incident_number"]), user=CY)["incident"]["status"]
        == "resolved"
    )
    for path, body in (
        ("fault", {"path": "/", "kind": "mood"}),
        ("clock", {"advance": -1}),
        ("oncall", {"schedule": "PNO"}),
        ("ack", {"incident": "none", "user": CY}),
    ):
        with pytest.raises(urllib.error.HTTPError) as caught:
            desk.server.control(path, **body)
        caught.value.close()
        assert caught.value.code in (400, 404)
    desk.server.control("reset")
    assert (desk.api.list_all("incidents"), desk.server.show("pages")["pages"]) == ([], [])
    assert desk.trigger()["incident_number"] == 1


def test_a_port_that_is_taken(desk: Desk) -> None:
    taken = int(desk.server.url.rpartition(":")[2])
    second = PagerDutyServer(taken)
    with pytest.raises(OSError, match="address"):
        second.start()
    second.stop()


# -- the page


def people(desk: Desk, what: str, **body: Any) -> tuple[int, Json]:
    return post(desk, body, f"/people/{what}")


def seen(desk: Desk) -> Json:
    with urllib.request.urlopen(f"{desk.server.url}/people/state") as answer:
        return dict(json.load(answer))


def test_the_page_is_one_file(desk: Desk) -> None:
    connection = http.client.HTTPConnection(desk.server.url.removeprefix("http://"))
    connection.request("GET", "/")
    answer = connection.getresponse()
    page = answer.read().decode()
    connection.close()
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert "pd-act-as" in page
    assert "src=" not in page
    assert "@import" not in page


def test_people_press_buttons(desk: Desk) -> None:
    made = desk.trigger(custom_details={"impact": "EU"})
    state = seen(desk)
    assert [p["name"] for p in state["people"]] == [
        "Ana Duarte", "Bob Okafor", "Cy Lindqvist", "Dee Rahman", "Kim Porter",
    ]  # fmt: skip
    assert state["on_call"][0]["levels"][0] == {"level": 1, "name": "Bob Okafor"}
    [shown] = state["incidents"]
    assert (shown["status"], shown["details"], shown["key"], shown["service"]) == (
        "triggered",
        {"impact": "EU"},
        "k1",
        "Shop",
    )
    assert people(desk, "ack", **{"as": CY}, incident=made["id"]) == (200, {"ok": True})
    assert people(desk, "escalate", **{"as": CY}, incident=made["id"])[0] == 200
    assert people(desk, "escalate", **{"as": CY}, incident=made["id"])[0] == 200
    assert people(desk, "escalate", **{"as": CY}, incident=made["id"])[0] == 400
    assert people(desk, "resolve", **{"as": DEE}, incident=made["id"])[0] == 200
    [shown] = seen(desk)["incidents"]
    assert (shown["status"], [p["name"] for p in shown["pages"]]) == (
        "resolved",
        ["Bob Okafor", "Cy Lindqvist", "Dee Rahman"],
    )
    assert desk.kinds() == ["triggered", "acknowledged", "escalated", "escalated", "resolved"]
    assert people(desk, "resolve", **{"as": DEE}, incident=made["id"]) == (
        400,
        {"ok": False, "error": "1001", "message": "Incident Already Resolved"},
    )
    assert people(desk, "ack", **{"as": "PNO"}, incident=made["id"])[0] == 404
    assert post(desk, b"{", "/people/ack")[0] == post(desk, [], "/people/ack")[0] == 400


@pytest.mark.browser
def test_the_page_in_a_browser(desk: Desk) -> None:
    found = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
    if found is None and not os.environ.get("REQUIRE_BROWSER"):
        pytest.skip("no Chromium on this machine: install the package chromium to run the browser tests")
    made = desk.trigger(
        custom_details={"impact": "payments fail for all EU customers", "bridge": "https://meet.example/1"}
    )
    id_, errors = made["id"], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("console", lambda line: errors.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{desk.server.url}/?as={CY}")
        expect(page.get_by_test_id("pd-act-as")).to_have_value(CY)
        expect(page.get_by_test_id(f"pd-details-{id_}")).to_contain_text("payments fail for all EU customers")
        page.get_by_test_id(f"pd-ack-{id_}").click()
        expect(page.get_by_test_id(f"pd-status-{id_}")).to_have_text("Acknowledged")
        page.get_by_test_id(f"pd-escalate-{id_}").click()
        expect(page.get_by_test_id(f"pd-pages-{id_}")).to_contain_text("escalated to level 2")
        page.get_by_test_id(f"pd-log-{id_}").locator("summary").click()
        desk.trigger("k2", severity="warning")
        second = desk.incident("k2")["id"]
        expect(page.get_by_test_id(f"pd-incident-{second}")).to_be_visible()
        expect(page.get_by_test_id(f"pd-log-{id_}")).to_contain_text("Acknowledged by Cy Lindqvist")
        desk.events.resolve("k2")
        expect(page.get_by_test_id("pd-closed")).to_contain_text("#2")
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=str(Path(folder) / "pagerduty.png"), full_page=True)
            page.set_viewport_size({"width": 420, "height": 900})
            page.screenshot(path=str(Path(folder) / "pagerduty-narrow.png"), full_page=True)
        page.get_by_test_id("pd-act-as").select_option(DEE)
        page.get_by_test_id(f"pd-resolve-{id_}").click()
        expect(page.get_by_test_id("pd-open")).to_contain_text("Nothing is open.")
        browser.close()
    assert errors == []
    resolved = [e["detail"]["event"]["agent"]["id"] for e in desk.bus() if e["detail-type"] == "incident.resolved"]
    assert resolved[-1] == DEE
