"""/sandbox-aws/shop*: the shop for the page's panel."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sandbox.aws.control import Json, Turning

if TYPE_CHECKING:
    from sandbox.shop.shop import Shop


def controls(shop: "Shop") -> list[tuple[str, str, Turning]]:
    def doing(do: Callable[[Json], None]) -> Turning:
        """Answers with how the scenarios are afterwards."""

        def turn(given: Json) -> Json:
            do(given)
            return {"scenarios": {s.id: s.state for s in shop.scenarios.values()}}

        return turn

    return [
        ("GET", "shop", lambda _: shop.status()),
        ("POST", "shop/break", doing(lambda given: shop.break_it(str(given.get("scenario"))))),
        ("POST", "shop/heal", doing(lambda given: shop.heal(str(given.get("scenario"))))),
        ("POST", "shop/heal-all", doing(lambda _: shop.heal_all())),
        ("POST", "shop/fire", doing(lambda given: shop.fire(str(given["alarm"]), str(given.get("state", "ALARM"))))),
        ("POST", "shop/flood", doing(lambda given: shop.flood(int(given["count"])))),
    ]
