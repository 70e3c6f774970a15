"""Messages and dialogs as HTML, plainly: enough for a person to read them and act on them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from html import escape, unescape
from typing import Any

from .world import BOT, Dialog, File, Shown

Part = Mapping[str, Any]
EMOJI = {
    "information_source": "ℹ️",  # noqa: RUF001 - it is the picture
    "rotating_light": "🚨",
    "warning": "⚠️",
    "white_check_mark": "✅",
}
_TOKEN = re.compile(r"&lt;([@#!]?)([^|&]+)(?:\|([^&]*))?&gt;")


def message_as_html(shown: Shown, names: Mapping[str, str]) -> str:
    """Return a message; ``names`` are those of people, by id."""
    author = "SmartOps" if shown.author == BOT else shown.author
    marks = "(edited)" if shown.edits and not shown.to else ""
    if shown.to:
        marks = "Only visible to you"
    inside = "".join(_block(block, names) for block in shown.blocks) if shown.blocks else ""
    inside = inside or f"<p>{_marked(shown.fallback, names)}</p>"
    files = "".join(map(_file, shown.files))
    kind = "bot" if shown.author == BOT else "person"
    kind += " whisper" if shown.to else ""
    return (
        f'<article class="{kind}" data-initial="{escape(author[:1].upper())}">'
        f"<header><b>{escape(author)}</b> <small>{marks}</small></header>"
        f'<form class="message" data-ts="{escape(shown.ts)}">{inside}{files}</form></article>'
    )


def _file(file: File) -> str:
    return (
        f'<a class="file" href="/files/{file.id}">📄 <b>{escape(file.title or file.name)}</b>'
        f"<small>{escape(file.name)}, {file.length:,} bytes</small></a>"
    )


def dialog_as_html(dialog: Dialog, names: Mapping[str, str]) -> str:
    """Return a dialog as a form that can be submitted."""
    view = dialog.view
    blocks = "".join(_block(block, names) for block in view["blocks"])
    errors = "".join(f'<p class="error">{escape(text)}</p>' for text in dialog.errors.values())
    submit = escape(view.get("submit", {}).get("text", "Submit"))
    return (
        f'<dialog open><form class="dialog" data-view="{dialog.id}">'
        f"<h2>{escape(view['title']['text'])}</h2>{blocks}{errors}"
        f'<footer><button value="close" formnovalidate>Cancel</button> '
        f'<button class="primary" value="submit">{submit}</button></footer></form></dialog>'
    )


def _block(block: Part, names: Mapping[str, str]) -> str:
    kind = block["type"]
    draw = _DRAW.get(kind)
    if draw is None:
        return f'<p class="unknown">a block of type {escape(kind)} is not drawn here</p>'
    return draw(block, names)


def _rich(block: Part, names: Mapping[str, str]) -> str:
    return "".join(_paragraph(part, names) for part in block["elements"])


def _paragraph(part: Part, names: Mapping[str, str]) -> str:
    if part["type"] == "rich_text_list":
        items = "".join(f"<li>{_paragraph(item, names)}</li>" for item in part["elements"])
        return f"<ul>{items}</ul>"
    text = "".join(_inline(item, names) for item in part["elements"])
    if part["type"] == "rich_text_preformatted":
        return f"<pre>{text}</pre>"
    tag = "blockquote" if part["type"] == "rich_text_quote" else "p"
    return f"<{tag}>{text}</{tag}>"


def _inline(part: Part, names: Mapping[str, str]) -> str:
    match part["type"]:
        case "user":
            return (
                f'<span class="name">@{escape(names.get(part["user_id"], part["user_id"]))}</span>'
            )
        case "emoji":
            return EMOJI.get(part["name"], f":{escape(part['name'])}:")
        case "link":
            return escape(str(part.get("text") or part["url"]))
    text = escape(str(part.get("text", "")))
    for style, tag in (("bold", "b"), ("italic", "i"), ("strike", "s"), ("code", "code")):
        if part.get("style", {}).get(style):
            text = f"<{tag}>{text}</{tag}>"
    return text


def _header(block: Part, names: Mapping[str, str]) -> str:
    return f"<h2>{_text(block['text'], names)}</h2>"


def _section(block: Part, names: Mapping[str, str]) -> str:
    text = f"<p>{_text(block['text'], names)}</p>" if "text" in block else ""
    fields = "".join(f"<p>{_text(item, names)}</p>" for item in block.get("fields", ()))
    return f'{text}<div class="fields">{fields}</div>' if fields else text


def _context(block: Part, names: Mapping[str, str]) -> str:
    texts = (_text(item, names) for item in block["elements"] if "text" in item)
    return f'<small class="context">{"<br>".join(texts)}</small>'


def _actions(block: Part, names: Mapping[str, str]) -> str:
    buttons = (
        f'<button name="{escape(item["action_id"])}" class="{escape(item.get("style", ""))}">'
        f"{_text(item['text'], names)}</button>"
        for item in block["elements"]
        if item["type"] == "button"
    )
    return f"<footer>{''.join(buttons)}</footer>"


def _input(block: Part, names: Mapping[str, str]) -> str:
    label = _text(block["label"], names)
    hint = f"<small>{_text(block['hint'], names)}</small>" if "hint" in block else ""
    element, name = block["element"], escape(block.get("block_id", ""))
    needed = "" if block.get("optional") else " required"
    if "options" in element:
        control = f'<select name="{name}"{needed}>{"".join(_options(element))}</select>'
    else:
        value = escape(str(element.get("initial_value", "")))
        kind = "number" if element["type"] == "number_input" else "text"
        control = (
            f'<input type="{kind}" step="any" name="{name}" value="{value}" autocomplete="off"'
            f"{needed}>"
        )
    return f"<label>{label}{control}{hint}</label>"


def _options(element: Part) -> Iterable[str]:
    initial = element.get("initial_option", {}).get("value")
    yield '<option value=""></option>'
    for option in element["options"]:
        mark = " selected" if option["value"] == initial else ""
        text = escape(option["text"]["text"])
        yield f'<option value="{escape(option["value"])}"{mark}>{text}</option>'


def _text(part: Part, names: Mapping[str, str]) -> str:
    """Return a text object; only in mrkdwn anything has a meaning."""
    if part["type"] == "mrkdwn":
        return _marked(part["text"], names)
    return escape(part["text"])


def _marked(text: str, names: Mapping[str, str]) -> str:
    """Return a text in Slack's own markup: its mentions and links are shown, its stars are not."""
    safe = escape(text.replace("&lt;", "\x00").replace("&gt;", "\x01").replace("&amp;", "&"))
    shown = _TOKEN.sub(lambda token: _token(token, names), safe)
    return shown.replace("\x00", "&lt;").replace("\x01", "&gt;")


def _token(token: re.Match[str], names: Mapping[str, str]) -> str:
    sign, target, label = token[1], token[2], token[3]
    if sign == "@":
        return f'<span class="name">@{escape(names.get(target, target))}</span>'
    if sign:
        return f'<span class="name">{sign}{label or target}</span>'
    return escape(unescape(label or target))


_DRAW: dict[str, Callable[[Part, Mapping[str, str]], str]] = {
    "actions": _actions,
    "context": _context,
    "divider": lambda _block, _names: "<hr>",
    "header": _header,
    "input": _input,
    "rich_text": _rich,
    "section": _section,
}
