"""python -m sandbox.github --port 8093: the repository on its own."""

from sandbox.github.server import create_app
from sandbox.github.state import GitHub
from sandbox.serving.running import options, serve


def main() -> None:
    given = options("sandbox.github", __doc__, 8093).parse_args()
    serve(create_app(GitHub()), "github", given.host, given.port)


if __name__ == "__main__":
    main()
