"""python -m sandbox.slack --port 8090: the workspace on its own, without a bot."""

from pathlib import Path

from sandbox.serving.running import options, serve
from sandbox.slack.server import create_app


def main() -> None:
    parser = options("sandbox.slack", __doc__, 8090)
    parser.add_argument("--manifest", type=Path, help="the app's manifest (default: manifest.yml of this project)")
    given = parser.parse_args()
    serve(create_app(given.manifest), "workspace", given.host, given.port)


if __name__ == "__main__":
    main()
