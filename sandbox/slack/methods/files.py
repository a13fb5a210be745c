"""files.*: the two-step upload (get an address, send the bytes there, say where they belong) and the download."""

import mimetypes
from typing import Any

from aiohttp import web

from sandbox.slack import messages
from sandbox.slack.errors import SlackError
from sandbox.slack.methods.call import Call
from sandbox.slack.methods.chat import check_content
from sandbox.slack.state import SLACK
from sandbox.slack.workspace import BOT_USER, Channel, Json

CONTENT = "content"
SHOWN = frozenset(("text/plain", "image/png", "image/jpeg", "image/gif"))


def get_upload_url(call: Call) -> Json:
    name, length = call.args.need("filename"), call.args.number("length", 0)
    if length <= 0:
        raise SlackError("invalid_arguments")
    file_id = call.workspace.next_id("F")
    call.workspace.files[file_id] = {
        "id": file_id,
        "name": name,
        "title": name,
        "size": length,
        "done": False,
    }
    return {"upload_url": f"{call.base_url}/upload/{file_id}", "file_id": file_id}


def complete_upload(call: Call) -> Json:
    wanted: Any = call.args.structure("files")
    if not isinstance(wanted, list) or not wanted or not all(isinstance(f, dict) for f in wanted):
        raise SlackError("invalid_arguments")
    channel = _destination(call)
    blocks = call.args.structure("blocks", error="invalid_blocks_format")
    check_content(blocks, None)
    files = [_completed(call, f) for f in wanted]
    if channel:
        content = {"text": call.args.text("initial_comment"), "files": files, "blocks": blocks}
        message = messages.from_bot(call.slack, content)
        messages.post(call.slack, channel, message, thread_ts=call.args.text("thread_ts"))
    return {"files": files}


def _destination(call: Call) -> Channel | None:
    channels = call.args.names("channels")
    if channels:
        call.args["channel_id"] = channels[0]
    return call.open_channel("channel_id") if call.args.get("channel_id") else None


def _completed(call: Call, wanted: Json) -> Json:
    stored = call.workspace.files.get(str(wanted.get("id")))
    if stored is None or CONTENT not in stored:
        raise SlackError("file_not_found")
    if stored["done"]:
        raise SlackError("file_update_failed")
    stored |= {"done": True, "title": wanted.get("title") or stored["name"]}
    return file_object(stored, call.base_url, int(call.slack.clock.now()))


def file_object(stored: Json, base_url: str, now: int) -> Json:
    url = f"{base_url}/files/{stored['id']}"
    return {
        "id": stored["id"],
        "created": now,
        "timestamp": now,
        "name": stored["name"],
        "title": stored["title"],
        "mimetype": mime_type(stored["name"]),
        "filetype": stored["name"].rpartition(".")[2],
        "user": BOT_USER,
        "size": len(stored[CONTENT]),
        "mode": "hosted",
        "is_external": False,
        "is_public": True,
        "url_private": url,
        "url_private_download": f"{url}?download=1",
        "permalink": url,
    }


async def receive(request: web.Request) -> web.Response:
    """POST /upload/<id>: the bytes, raw or as a form."""
    stored = request.app[SLACK].workspace.files.get(request.match_info["id"])
    if stored is None or CONTENT in stored:
        return web.Response(status=404, text="no such upload")
    content = await _uploaded(request)
    if len(content) != stored["size"]:
        return web.Response(status=400, text="the length is not the one announced")
    stored[CONTENT] = content
    return web.Response(text=f"OK - {len(content)}")


async def _uploaded(request: web.Request) -> bytes:
    if not request.content_type.startswith("multipart/"):
        return await request.read()
    for field in (await request.post()).values():
        if isinstance(field, web.FileField):
            return field.file.read()
    return b""


async def download(request: web.Request) -> web.Response:
    """GET /files/<id>: shown if it is text or a picture, else saved; never run."""
    stored = request.app[SLACK].workspace.files.get(request.match_info["id"])
    if stored is None or not stored["done"]:
        return web.Response(status=404)
    kind = mime_type(stored["name"])
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    if kind not in SHOWN or "download" in request.query:
        headers["Content-Disposition"] = "attachment"
    charset = "utf-8" if kind.startswith("text/") else None
    return web.Response(body=stored[CONTENT], content_type=kind, charset=charset, headers=headers)


def mime_type(name: str) -> str:
    """The type of a file by its name; any kind of text is plain text."""
    guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return "text/plain" if guessed.startswith("text/") else guessed
