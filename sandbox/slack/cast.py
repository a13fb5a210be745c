"""Who and what is there when the workspace opens."""

from collections.abc import Callable

from sandbox.slack.workspace import BOT_USER, Person, Workspace

PEOPLE = (
    Person("U0ANA", "ana", "Ana Duarte", "Incident commander", "America/Sao_Paulo", "b4325f"),
    Person("U0BOB", "bob", "Bob Okafor", "On call, checkout", "Europe/Berlin", "2f6f4f"),
    Person("U0CY", "cy", "Cy Lindqvist", "Engineer", "Europe/Stockholm", "2b5b9c"),
    Person("U0DEE", "dee", "Dee Rahman", "Engineering manager", "Europe/London", "8a5a1f"),
    Person("U0GUS", "gus", "Gus Weber", "Guest, agency", "Europe/Vienna", "6b6b6b", is_guest=True),
    Person("U0STRANGER", "sam", "Sam Field", "Partner Ltd", "America/New_York", "6d4aa0", is_stranger=True),
)
CHANNELS = {
    "general": ("U0ANA", "U0BOB", "U0CY", "U0DEE"),
    "ops-incidents": ("U0ANA", "U0BOB", "U0CY", "U0DEE", "U0GUS", "U0STRANGER", BOT_USER),
    "checkout-team": ("U0BOB", "U0CY"),
}
ONCALL_GROUP = "S0ONCALL"


def open_workspace(now: Callable[[], float], bot_name: str) -> Workspace:
    workspace = Workspace(now)
    for person in PEOPLE:
        workspace.people[person.id] = Person(*(getattr(person, f) for f in Person.__dataclass_fields__))
    bot = Person(BOT_USER, "aiops_bot", bot_name, color="c2410c", is_bot=True)
    workspace.people[bot.id] = bot
    for name, members in CHANNELS.items():
        channel = workspace.create_channel(name, members[0])
        channel.members.update(dict.fromkeys(members))
        channel.is_general = name == "general"
    workspace.channel_named("ops-incidents").topic = "Incidents, from alarm to post-mortem"  # type: ignore[union-attr]
    workspace.usergroups[ONCALL_GROUP] = {
        "id": ONCALL_GROUP,
        "handle": "oncall",
        "name": "On call",
        "users": ["U0BOB"],
    }
    return workspace
