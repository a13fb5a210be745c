"""Rich text: sections, lists, quotes and preformatted text, and the elements inside.

https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
"""

from sandbox.slack.validate.rules import Rule, array, boolean, integer, one_of, shape, string, tagged, url

STYLES = ("bold", "italic", "strike", "underline", "code", "highlight", "client_highlight", "unlink")
STYLE = {"style": shape({}, dict.fromkeys(STYLES, boolean))}
BORDER = {"border": integer(0, 1)}

ELEMENT = tagged(
    {
        "text": shape({"text": string()}, STYLE),
        "link": shape({"url": url(3000)}, {"text": string(low=0), "unsafe": boolean, **STYLE}),
        "user": shape({"user_id": string()}, STYLE),
        "usergroup": shape({"usergroup_id": string()}, STYLE),
        "channel": shape({"channel_id": string()}, STYLE),
        "team": shape({"team_id": string()}, STYLE),
        "emoji": shape({"name": string()}, {"unicode": string(), "skin_tone": integer(1, 6), **STYLE}),
        "date": shape(
            {"timestamp": integer(0), "format": string()},
            {"url": url(3000), "fallback": string(), **STYLE},
        ),
        "broadcast": shape({"range": one_of("here", "channel", "everyone")}, STYLE),
        "color": shape({"value": string()}, STYLE),
    }
)
ELEMENTS = {"elements": array(ELEMENT)}
SECTION = shape(ELEMENTS)
PARTS: dict[str, Rule] = {
    "rich_text_section": SECTION,
    "rich_text_preformatted": shape(ELEMENTS, {**BORDER, "language": string()}),
    "rich_text_quote": shape(ELEMENTS, BORDER),
    "rich_text_list": shape(
        {
            "elements": array(tagged({"rich_text_section": SECTION}), low=1),
            "style": one_of("bullet", "ordered"),
        },
        {"indent": integer(0, 8), "offset": integer(0), **BORDER},
    ),
}
CONTENT = {"elements": array(tagged(PARTS), low=1)}
RICH_TEXT = tagged({"rich_text": shape(CONTENT, {"block_id": string(255)})})
