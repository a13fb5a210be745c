"""A server's page for people, with the stylesheet and script that all of them share."""

from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from aiohttp import web

Serving = Callable[[web.Request], Awaitable[web.StreamResponse]]
HERE = Path(__file__).parent
SHARED = ("page.css", "page.js")


def add(app: web.Application, page: Path, paths: Iterable[str]) -> None:
    """The page answers to these paths; what it shares with others is at `/people/`."""
    for path in paths:
        app.router.add_get(path, _serving(page))
    for name in SHARED:
        app.router.add_get(f"/people/{name}", _serving(HERE / name))


def _serving(file: Path) -> Serving:
    async def serve(_: web.Request) -> web.StreamResponse:
        return web.FileResponse(file, headers={"Cache-Control": "no-store"})

    return serve
