"""The card of a change to AWS in every state, the lines in its thread, the lists, and the forms that ask for one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from blocks import forms
from blocks import remediation_notes as notes
from blocks.ids import Action, Input, View
from blocks.remediation import FixFacts, awaited, buttons, card, title
from bot.models import Action as Remedy
from bot.models import Message, Order, Remediation, RemediationStatus, Role, Target
from bot.ports import Choice
from tests.blocks.fixes import CHOICES, RUNBOOK, approval, card_saying, fix, fix_saying, over, plan
from tests.blocks.test_report import words_of
from tests.blocks.texts import NASTY, angled, elements
from tests.bot.make import ANA, BOB, CY, NOW, after

S = RemediationStatus
FACTS = FixFacts(runbook=RUNBOOK, verify_at=after(1200))
DOCUMENTS = {"AIOps-PurgeSQSDLQ": "move dead letters back", "AIOps-RDSFailover": "confirm a failover"}


def shown(one: Remediation, facts: FixFacts = FACTS) -> str:
    return words_of(card(one, now=NOW, facts=facts).blocks)


def labels(one: Remediation, seconds: float = 0) -> list[str]:
    return [each["text"]["text"] for each in buttons(one, after(seconds))]


# -- the plan


def test_a_plan_says_what_will_happen_how_far_it_reaches_and_how_to_go_back() -> None:
    words = shown(fix())
    assert words.splitlines()[0] == "📋 Roll back checkout-api (cluster shop) · needs one more approval"
    assert f"Asked by <@{BOB}> <!date^" in words
    assert " · to be approved by somebody else (config.yml: remediation.approvals[0])\n" in words
    assert "web:57 → web:56  image 9f2c1 → 77ab0 · env −FEATURE_X · CPU and memory the same\n" in words
    assert "Will: UpdateService with web:56 · 6 tasks rolling, about 4 min\n" in words
    assert "Blast radius: this service only · Undo: deploy web:57 again\n" in words
    assert "Checked: no deployment running · not in cool-down · web:56 was stable for 6 days\nExpires <!date^" in words
    assert "FIX-12 for AL-17 · SEV-2 · prod · shop-prod eu-west-1" in words


def test_on_a_lock_screen_it_says_what_where_and_how_bad() -> None:
    assert card(fix(), now=NOW).text == (
        "📋 Roll back checkout-api (cluster shop) · needs one more approval — SEV-2 prod, web:57 → web:56"
    )


def test_one_that_needs_another_is_approved_one_that_does_not_is_run() -> None:
    assert labels(fix()) == ["Approve", "Reject", "Dry run", "Another version…"]
    assert labels(fix(needs=0)) == ["Run it", "Reject", "Dry run", "Another version…"]
    assert title(fix(needs=0)).endswith(" · ready to run")
    found = [(each["action_id"], each["value"]) for each in buttons(fix(), NOW)]
    wanted = (Action.APPROVE, Action.REJECT, Action.REHEARSE, Action.CHOOSE_REVISION)
    assert found == [(each, "12") for each in wanted]


def test_an_expired_plan_can_not_be_clicked_before_that_is_stored() -> None:
    assert labels(fix(), 599) != []
    assert labels(fix(), 600) == []


def test_the_approval_of_who_asked_does_not_count() -> None:
    assert awaited(fix(needs=2, approved_by=(BOB,))) == 2
    assert awaited(fix(needs=2, approved_by=(CY,))) == 1
    assert title(fix(needs=2)).endswith(" · needs 2 more approvals")


def test_who_let_it_run_is_named_with_the_time() -> None:
    cy, ana = f"<@{CY}> <!date^{after(60).timestamp():.0f}^", f"<@{ANA}> <!date^{after(90).timestamp():.0f}^"
    half = shown(fix(needs=2, approved_by={CY: after(60)}))
    assert f" · approved by {cy}" in half
    assert " · to be approved by somebody else" in half
    whole = shown(fix(S.RUNNING, needs=2, approved_by={CY: after(60), ANA: after(90)}))
    assert f" · approved by {cy}" in whole
    assert f", {ana}" in whole
    assert f" · run by <@{BOB}> <!date^" in shown(fix(S.RUNNING, needs=0, approved_by={BOB: after(60)}))
    assert f" · approved by <@{CY}>\n" in shown(fix(S.RUNNING, approved_by=(CY,))), "a row of before"


def test_one_that_was_asked_for_outside_of_slack_says_by_whom_and_why() -> None:
    one = fix(S.RUNNING, needs=0, approved_by={}, requested_by=None, via="ana on ops-1: errors since the deployment")
    assert "Asked by ana on ops-1: errors since the deployment <!date^" in shown(one)
    assert "by ana on ops-1" in words_of(notes.listing([one], [], NOW).blocks)


def test_the_group_is_called_as_long_as_it_has_to_act() -> None:
    groups = elements(card(fix(group="S0ONCALL"), now=NOW).blocks, "usergroup")
    assert [each["usergroup_id"] for each in groups] == ["S0ONCALL"]
    assert elements(card(fix(S.RUNNING, group="S0ONCALL"), now=NOW).blocks, "usergroup") == []


def test_many_differences_have_a_line_each() -> None:
    words = shown(fix(plan=plan(differences=tuple(f"env +NAME{n}" for n in range(12)))))
    assert "web:57 → web:56\n   env +NAME0\n   env +NAME1\n" in words
    assert "   and 2 more\n" in words


def test_what_can_not_be_undone_says_so() -> None:
    assert "this service only · ⚠ It can't be undone" in shown(fix(plan=plan(undo="")))


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (Order(action=Remedy.SCALE_UP, service="checkout-api"), "Scale up checkout-api (cluster shop)"),
        (Order(action=Remedy.RESTART, service="checkout-api"), "Restart checkout-api (cluster shop)"),
        (
            Order(action=Remedy.RUNBOOK, service="checkout-api", runbook="AIOps-PurgeSQSDLQ"),
            "Run AIOps-PurgeSQSDLQ on checkout-api (cluster shop)",
        ),
    ],
)
def test_each_action_has_its_words(order: Order, said: str) -> None:
    assert title(fix(order=order)).startswith(f"📋 {said} · ")


def test_what_has_no_cluster_names_none() -> None:
    one = fix(needs=0, plan=plan(target=Target(kind="queue", name="orders-dlq")))
    assert title(one) == "📋 Roll back orders-dlq · ready to run"


def test_taking_something_back_names_it() -> None:
    one = fix(needs=0, undoes=3)
    assert title(one) == "📋 Undo FIX-3: checkout-api (cluster shop) · ready to run"
    assert "takes FIX-3 back" in shown(one)


# -- running and after


def test_while_it_runs_it_says_how_far_it_is_and_can_be_stopped() -> None:
    words = shown(fix(S.RUNNING, said="3 of 6 tasks run web:56"))
    assert words.splitlines()[1].startswith("Running: 3 of 6 tasks run web:56 · since <!date^")
    assert f"approved by <@{CY}>" in words
    assert "Checked" not in words
    assert labels(fix(S.RUNNING)) == ["Stop"]


def test_once_done_it_says_when_it_is_verified_and_can_be_undone() -> None:
    assert (
        shown(over(S.VERIFYING))
        .splitlines()[1]
        .startswith("Done in 4 min: 6 of 6 tasks run web:56 · verifying at <!date^")
    )
    found = [(each["action_id"], each["value"]) for each in buttons(over(S.VERIFYING), NOW)]
    assert found == [(Action.UNDO, "12")]
    assert labels(over(S.VERIFYING, plan=plan(undo=""))) == []


def test_verified_says_by_what() -> None:
    one = over(S.VERIFIED, verified_at=after(1200), verdict=("the alarm is OK", "errors 0 (before 212)"))
    assert title(one) == "🟢 Roll back checkout-api (cluster shop) · verified"
    assert ": the alarm is OK · errors 0 (before 212)\n" in shown(one)
    assert labels(one) == ["Undo"]


def test_not_recovered_says_by_what_who_is_called_and_what_to_do() -> None:
    one = over(S.NOT_RECOVERED, verified_at=after(1200), verdict=("the alarm is ALARM",))
    words = shown(one, FACTS._replace(called=(Role.PRIMARY, Role.COMMANDER)))
    assert words.startswith("🔴 Roll back checkout-api (cluster shop) · not recovered\nNot recovered at <!date^")
    assert f": the alarm is ALARM\nCalled: primary and incident commander\nBy hand: <{RUNBOOK}|Runbook>\n" in words
    assert labels(one) == ["Undo"]


@pytest.mark.parametrize(("status", "said"), [(S.FAILED, "Failed"), (S.TIMED_OUT, "Timed out")])
def test_what_failed_says_why_and_can_be_tried_again(status: RemediationStatus, said: str) -> None:
    one = over(status, problem="AccessDenied: ecs:UpdateService")
    words = shown(one)
    assert f"{said} after 4 min: AccessDenied: ecs:UpdateService · got as far as: 6 of 6 tasks run web:56\n" in words
    assert f"By hand: <{RUNBOOK}|Runbook>" in words
    assert [(each["text"]["text"], each["action_id"]) for each in buttons(one, NOW)] == [("Try again", Action.RETRY)]


def test_what_never_ran_says_that_nothing_was_changed() -> None:
    assert f"Rejected by <@{CY}> · nothing was changed\n" in shown(fix(S.REJECTED, rejected_by=CY))
    assert "nobody let it run in time · nothing was changed\n" in shown(fix(S.EXPIRED))
    assert labels(fix(S.REJECTED)) == []
    assert labels(fix(S.EXPIRED)) == ["Plan it again"]


def test_what_was_undone_says_by_what_and_can_not_be_undone_twice() -> None:
    one = over(S.VERIFIED, undone_by=14)
    assert title(one) == "↩ Roll back checkout-api (cluster shop) · undone by FIX-14"
    assert "Undo:" not in shown(one)
    assert labels(one) == []


def test_what_was_undone_in_time_has_no_verdict() -> None:
    one = over(S.UNDONE, undone_by=14)
    words = shown(one)
    assert "Undone by FIX-14, before its effect was looked at\n" in words
    assert "Verif" not in words
    assert labels(one) == []


def test_of_a_plan_that_only_looks_the_green_button_is_what_helps() -> None:
    look = fix(S.PLANNED, needs=0)
    offers = {"is_look": True, "offers": {"Force a failover…": "Force=true"}}
    look = look.changed(plan=look.plan.model_copy(update=offers))
    shown_buttons = buttons(look, NOW)
    assert [each["text"]["text"] for each in shown_buttons][:2] == ["Force a failover…", "Run it"]
    assert [each["text"]["text"] for each in shown_buttons if each.get("style") == "primary"] == ["Force a failover…"]


def test_what_began_by_itself_says_under_whose_approval() -> None:
    one = over(S.VERIFYING, requested_by=None, approved_by=(), needs=0, approval="rollback/checkout-api")
    words = shown(one, FACTS._replace(approval=approval()))
    assert f"By itself, standing approval by <@{ANA}> until <!date^" in words
    assert "By itself\n" in shown(one)


# -- lists


def test_the_list_says_what_waits_and_runs_what_is_over_and_what_may_run_by_itself() -> None:
    many = [fix(), fix(S.RUNNING, number=13), over(S.VERIFIED, number=9)]
    ended = approval(service="search", until=after(-1))
    message = notes.listing(many, [approval(), ended], NOW)
    words = words_of(message.blocks)
    assert message.text == "2 open remediations"
    assert (
        "FIX-12 📋 Roll back checkout-api (cluster shop) · needs one more approval · web:57 → web:56 · AL-17" in words
    )
    assert words.index("FIX-13") < words.index("*Over*") < words.index("FIX-9")
    assert "AIOps-PurgeSQSDLQ of orders until <!date^" in words
    assert "search" not in words


def test_an_empty_list_says_how_one_begins() -> None:
    assert notes.listing([], [], NOW).text.startswith("No remediations, and nothing may run by itself.")


def test_a_long_list_is_counted() -> None:
    many = [fix(number=n) for n in range(1, 31)]
    words = words_of(notes.listing(many, [approval(service=f"s{n}") for n in range(25)], NOW).blocks)
    assert "… and 10 more." in words
    assert "… and 5 more." in words


# -- forms


def field(view: dict[str, Any], name: Input) -> dict[str, Any]:
    return next(dict(block["element"]) for block in view["blocks"] if block.get("block_id") == name)


def test_the_revisions_are_offered_with_what_differs_the_last_stable_one_chosen() -> None:
    unstable = Choice("web:57", None, "", (), False)
    view = forms.choose_revision([unstable, *CHOICES], "checkout-api", {"subject": "AL-17"}, "web:58")
    assert (view["callback_id"], json.loads(view["private_metadata"])) == (View.ROLLBACK, {"subject": "AL-17"})
    element = field(view, Input.REVISION)
    assert [each["value"] for each in element["options"]] == ["web:57", "web:56", "web:55", "web:54"]
    assert element["initial_option"]["value"] == "web:56"
    assert element["options"][1]["text"]["text"] == "web:56 · was stable · 16 Nov 03:00 UTC · ci-deployer"
    assert element["options"][1]["description"]["text"] == "image 9f2c1 → 77ab0 · env −FEATURE_X"
    assert element["options"][0]["description"]["text"] == "the same in all that is compared"
    words = words_of(view["blocks"])
    assert "web:55: image 9f2c1 → 41d0e" in words, "what an option has no room for stands below in full"
    assert "memory 1024 → 512 MiB" in words
    assert "checkout-api · runs web:58" in words


def test_at_most_ten_revisions_are_offered_and_none_that_slack_would_not_give_back() -> None:
    many = [Choice(name, None, "", (), True) for name in ("x" * 151, " web:1", "", *(f"web:{n}" for n in range(12)))]
    values = [each["value"] for each in field(forms.choose_revision(many, "a", {}), Input.REVISION)["options"]]
    assert values == [f"web:{n}" for n in range(10)]


def test_without_a_revision_there_is_nothing_to_send() -> None:
    view = forms.choose_revision([], "checkout-api", {})
    assert "submit" not in view
    assert "There is no task definition to go back to" in words_of(view["blocks"])


def test_a_runbook_is_chosen_by_name_and_what_it_does() -> None:
    view = forms.choose_runbook(DOCUMENTS, {"subject": "INC-4"}, "checkout-api")
    options = field(view, Input.RUNBOOK)["options"]
    assert [each["value"] for each in options] == list(DOCUMENTS)
    assert options[0]["description"]["text"] == "move dead letters back"
    assert view["callback_id"] == View.RUNBOOK
    optional = [block["block_id"] for block in view["blocks"] if block.get("optional")]
    assert optional == [Input.PARAMETERS]
    assert Input.SERVICE not in [block.get("block_id") for block in view["blocks"]]


def test_where_no_service_is_known_the_form_asks_for_it() -> None:
    assert field(forms.choose_runbook(DOCUMENTS, {}), Input.SERVICE)["type"] == "plain_text_input"


# -- nothing foreign is markup


def marks(message: Message) -> set[str]:
    """What in it Slack reads as markup, without moments."""
    texts = [message.text, *(each["text"] for each in elements(message.blocks, "mrkdwn"))]
    return {each for text in texts for each in angled(text) if not each.startswith("<!date^")}


@pytest.mark.parametrize("typed", NASTY)
def test_hostile_words_mention_nobody(typed: str) -> None:
    cards = [card_saying(typed, status) for status in RemediationStatus]
    told = [
        notes.granted(approval(name=typed, service=typed)),
        notes.withdrawn(approval(name=typed, service=typed), CY),
        notes.listing([fix_saying(typed)], [approval(name=typed, service=typed)], NOW),
    ]
    for message in (*cards, *told):
        assert marks(message) <= {f"<@{ANA}>", f"<@{BOB}>", f"<@{CY}>", "<!subteam^S0ONCALL>"}
        assert elements(message.blocks, "broadcast") == []
        assert {each["user_id"] for each in elements(message.blocks, "user")} <= {ANA, BOB, CY}
        assert {each["usergroup_id"] for each in elements(message.blocks, "usergroup")} <= {"S0ONCALL"}
    for view in (
        forms.choose_revision([Choice("web:1", NOW, typed, (typed,) * 9, True)], typed, {}, typed),
        forms.choose_runbook({"AIOps-PurgeSQSDLQ": typed}, {}, typed),
    ):
        assert elements(view, "mrkdwn") == []
