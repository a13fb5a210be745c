"""The account in a thread of its own, for tests and the demo: `with PagerDutyServer() as pagerduty: …`"""

from sandbox.pagerduty.partner import Deliver
from sandbox.pagerduty.server import create_app
from sandbox.pagerduty.state import PagerDuty
from sandbox.serving.clock import Clock
from sandbox.serving.running import ServerThread


class PagerDutyServer(ServerThread):
    """`deliver` gets every partner event, in order, in a thread of its own; `keys` are integration keys by service.

    When it stops, every event has been handed over.
    """

    def __init__(
        self,
        port: int = 0,
        deliver: Deliver | None = None,
        *,
        clock: Clock | None = None,
        keys: dict[str, str] | None = None,
        auto_escalate_after: float | None = None,
    ) -> None:
        self._duty = PagerDuty(deliver, clock, keys)
        self._duty.auto_escalate_after = self._duty.desk.auto_escalate_after = auto_escalate_after
        super().__init__(create_app(self._duty), "pagerduty", port)

    def settle(self) -> None:
        """Waits until what happened so far has been delivered."""
        self._duty.partner.settle()
