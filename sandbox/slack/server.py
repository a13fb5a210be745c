"""The application: which address is answered by what."""

from pathlib import Path

from aiohttp import web

from sandbox.serving import control as controls
from sandbox.serving.running import LISTENS_AT
from sandbox.slack import control, manifest, people, respond, webapi
from sandbox.slack.methods import files
from sandbox.slack.state import SLACK, Slack

WEB = Path(__file__).resolve().parents[1] / "web"
BODY_MAX = 64 * 1024 * 1024
NO_STORE = {"Cache-Control": "no-store"}

READING = {"state": people.state, "messages": people.read, "views": people.views, "home": people.home}
DOING = {
    "send": people.send,
    "action": people.act,
    "options": people.options,
    "view/submit": people.submit,
    "view/close": people.close,
    "shortcut": people.shortcut,
    "react": people.react,
    "home": people.open_home,
    "join": people.join,
    "invite": people.invite,
    "dm": people.direct,
}
SHOWING = {"sockets": control.sockets}
TURNING = {
    "socket": control.socket,
    "redeliver": control.redeliver,
    "limits": control.limits,
    "disable": control.disable,
    "scopes": control.scopes,
    "channel": control.channel,
    "person": control.person,
    "emit": control.emit,
}


def create_app(manifest_path: Path | None = None) -> web.Application:
    app = web.Application(client_max_size=BODY_MAX)
    slack = app[SLACK] = Slack(manifest.load(manifest_path))
    app[LISTENS_AT] = slack.listens_at
    route = app.router
    route.add_route("*", "/api/{method}", webapi.web_api)
    route.add_get("/link", _socket)
    route.add_get("/link/", _socket)
    route.add_post("/response/{token}", respond.response)
    route.add_post("/upload/{id}", files.receive)
    route.add_get("/files/{id}", files.download)
    for name, read in READING.items():
        route.add_get(f"/sandbox/{name}", people.answering(read))
    for name, do in DOING.items():
        route.add_post(f"/sandbox/{name}", people.answering(do))
    route.add_get("/sandbox/events", people.events)
    controls.add(app, SLACK, SHOWING, TURNING)
    route.add_get("/", _page)
    route.add_get("/archives/{rest:.*}", _page)
    route.add_get("/static/{path:.+}", _static)

    async def stop(_: web.Application) -> None:
        slack.clock.stop()
        slack.stream.close_all()
        await slack.sockets.stop()

    app.on_shutdown.append(stop)
    return app


async def _socket(request: web.Request) -> web.StreamResponse:
    return await request.app[SLACK].sockets.serve(request)


async def _page(_: web.Request) -> web.StreamResponse:
    return _file(WEB / "index.html")


async def _static(request: web.Request) -> web.StreamResponse:
    path = (WEB / request.match_info["path"]).resolve()
    return _file(path) if path.is_relative_to(WEB) else web.Response(status=404)


def _file(path: Path) -> web.StreamResponse:
    return web.FileResponse(path, headers=NO_STORE) if path.is_file() else web.Response(status=404)
