"""Turns what people type into what Slack stores: `&lt;` for `<`, `<@U…>` for @name, `<#C…>` for #name."""

import re

from sandbox.slack.workspace import Person, Workspace

CHANNEL = re.compile(r"(?<![\w#&])#([a-z0-9][\w-]*)")
BROADCAST = re.compile(r"(?<![\w@])@(here|channel|everyone)\b")
LINK = re.compile(r"(?<![\w<|])(https?://[^\s<>|]+)")
MARKUP = re.compile(r"<(?:@U|#C)[A-Z0-9]+(?:\|[^<>|]*)?>")


def typed_message(workspace: Workspace, text: str) -> str:
    """A message: mentions without names, links in angle brackets."""
    return _escaped(workspace, text, with_names=False)


def typed_command(workspace: Workspace, text: str, *, resolve: bool) -> str:
    """A slash command's text; names are resolved when the command asks for it (`should_escape`)."""
    return _escaped(workspace, text, with_names=True) if resolve else text


def plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _escaped(workspace: Workspace, text: str, *, with_names: bool) -> str:
    """Escapes all that is not already markup (pages may send mentions ready made)."""
    parts, end = [], 0
    for found in MARKUP.finditer(text):
        parts += [_resolved(workspace, text[end : found.start()], with_names), found[0]]
        end = found.end()
    return "".join([*parts, _resolved(workspace, text[end:], with_names)])


def _resolved(workspace: Workspace, text: str, with_names: bool) -> str:
    text = plain(text)
    text = _people(workspace).sub(lambda m: _mention(workspace, m[1], with_names), text)

    def channel(found: re.Match[str]) -> str:
        known = workspace.channel_named(found[1])
        return f"<#{known.id}|{known.name}>" if known and not known.is_private else found[0]

    text = CHANNEL.sub(channel, text)
    if with_names:
        return text
    return LINK.sub(r"<\1>", BROADCAST.sub(r"<!\1>", text))


def _people(workspace: Workspace) -> re.Pattern[str]:
    """Full names before handles, long ones first, so that @Ana Duarte is not read as @ana."""
    names = {n for p in workspace.people.values() for n in (p.real_name, p.name)}
    choices = "|".join(re.escape(plain(n)) for n in sorted(names, key=len, reverse=True))
    return re.compile(rf"(?<![\w@])@({choices})(?![\w-])", re.IGNORECASE)


def _mention(workspace: Workspace, name: str, with_names: bool) -> str:
    person = next(p for p in workspace.people.values() if _is_called(p, name))
    return f"<@{person.id}|{person.name}>" if with_names else f"<@{person.id}>"


def _is_called(person: Person, name: str) -> bool:
    return name.lower() in (plain(person.name).lower(), plain(person.real_name).lower())
