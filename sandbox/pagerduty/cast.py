"""Who is in the account when it opens: the people of the workspace, and one whom the workspace does not know."""

from sandbox.pagerduty.account import Account, Level, Policy, Schedule, Service, User

ANA, BOB, CY, DEE, KIM = "PANA001", "PBOB001", "PCY0001", "PDEE001", "PKIM001"
ROBOT = "PBOT001"
SHOP, SEARCH = "PSHOPSV", "PSRCHSV"
SHOP_POLICY, SEARCH_POLICY, COMMANDERS = "PSHOPEP", "PSRCHEP", "PCMDREP"
SHOP_PRIMARY, SHOP_SECONDARY, SEARCH_PRIMARY, COMMANDER_ROTA = "PSHOPS1", "PSHOPS2", "PSRCHS1", "PCMDRS1"

SHOP_KEY = "R0SANDBOX".ljust(32, "0")
SEARCH_KEY = "R0SANDBOXSEARCH".ljust(32, "0")

USERS = (
    User(ANA, "Ana Duarte", "ana@shop.example", "Incident commander", "America/Sao_Paulo", "purple"),
    User(BOB, "Bob Okafor", "bob@shop.example", "On call, checkout", "Europe/Berlin", "green"),
    User(CY, "Cy Lindqvist", "cy@shop.example", "Engineer", "Europe/Stockholm", "blue"),
    User(DEE, "Dee Rahman", "dee@shop.example", "Engineering manager", "Europe/London", "brown"),
    User(KIM, "Kim Porter", "kim@vendor.example", "Vendor, search", "America/Chicago", "red"),
    User(ROBOT, "AIOps Bot", "aiops@shop.example", "Whose name the bot's calls bear", "Etc/UTC", "grey"),
)
SCHEDULES = (
    (SHOP_PRIMARY, "Shop primary", BOB),
    (SHOP_SECONDARY, "Shop secondary", CY),
    (SEARCH_PRIMARY, "Search primary", KIM),
    (COMMANDER_ROTA, "Commanders", ANA),
)
POLICIES = (
    (SHOP_POLICY, "Shop on-call", (Level(SHOP_PRIMARY), Level(SHOP_SECONDARY), Level(user=DEE))),
    (SEARCH_POLICY, "Search on-call", (Level(SEARCH_PRIMARY), Level(SHOP_SECONDARY), Level(user=DEE))),
    (COMMANDERS, "Incident commanders", (Level(COMMANDER_ROTA),)),
)
KEYS = {SHOP: SHOP_KEY, SEARCH: SEARCH_KEY}


def open_account(keys: dict[str, str] | None = None) -> Account:
    """The account before anything happened. `keys`: the integration key of each service, in place of the usual."""
    account, keys = Account(), KEYS | (keys or {})
    account.users = {user.id: user for user in USERS}
    account.schedules = {id_: Schedule(id_, name, user) for id_, name, user in SCHEDULES}
    account.policies = {id_: Policy(id_, name, list(levels)) for id_, name, levels in POLICIES}
    services = (
        Service(SHOP, "Shop", "checkout, payments, orders", SHOP_POLICY, keys[SHOP], by_severity=True),
        Service(SEARCH, "Search", "search and recommendations", SEARCH_POLICY, keys[SEARCH]),
    )
    account.services = {service.id: service for service in services}
    return account
