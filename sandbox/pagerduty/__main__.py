"""python -m sandbox.pagerduty --port 8091: the account on its own, delivering its events nowhere."""

from sandbox.pagerduty.server import create_app
from sandbox.pagerduty.state import PagerDuty
from sandbox.serving.running import options, serve


def main() -> None:
    given = options("sandbox.pagerduty", __doc__, 8091).parse_args()
    serve(create_app(PagerDuty()), "pagerduty", given.host, given.port)


if __name__ == "__main__":
    main()
