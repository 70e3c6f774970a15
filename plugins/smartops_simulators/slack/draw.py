"""Messages and dialogs of Slack as HTML, for the page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape, unescape
from typing import TYPE_CHECKING, Any

from smartops_simulators.page import PEOPLE, PageView
from smartops_simulators.platform import BOT, Delivered

from .world import Conversation, Dialog, File, Shown

if TYPE_CHECKING:
    from .service import SlackSimulator

Part = Mapping[str, Any]
EMOJI = {
    "information_source": "ℹ️",  # noqa: RUF001 - it is the picture
    "rotating_light": "🚨",
    "warning": "⚠️",
    "white_check_mark": "✅",
}
CHANNELS = ("ops", "dev")
_TOKEN = re.compile(r"&lt;([@#!]?)([^|&]+)(?:\|([^&]*))?&gt;")


class SlackView(PageView):
    """Slack on the page: two channels and a direct message."""

    title = "Slack"

    def __init__(self, slack: SlackSimulator) -> None:
        self.platform = self._slack = slack

    def places(self, user: str) -> Mapping[str, str]:
        """Return the conversations of a person."""
        for name in CHANNELS:
            for person in PEOPLE:
                self._slack.channel(name).members.setdefault(person, self._slack.user(person))
        channels = {name: f"#{name}" for name in CHANNELS}
        return {**channels, f"@{user}": "a direct message with SmartOps"}

    def invitation(self, place: str) -> str:
        """Return the placeholder of the text field."""
        to = "Message SmartOps" if place.startswith("@") else "Mention SmartOps"
        return f"{to}, or type {self._slack.app.command} and a command"

    def count(self, place: str, user: str) -> int:
        """Return how many messages of SmartOps the person has there."""
        return sum(shown.author == BOT for shown in self._seen(place, user))

    def rendered(self, place: str, user: str) -> str:
        """Return the messages, those of a thread together, and the dialogs."""
        names = {person.id: person.name for person in self._slack.world.users.values()}
        names[self._slack.app.user] = "SmartOps"
        threads: dict[str, list[str]] = {}
        for shown in self._seen(place, user):
            html = message_as_html(shown, names)
            threads.setdefault(shown.thread or shown.ts, []).append(html)
        sections = (
            f'<section data-thread="{escape(ts)}">{first}'
            f'<div class="thread">{"".join(rest)}<button class="reply">Reply</button></div>'
            "</section>"
            for ts, (first, *rest) in threads.items()
        )
        dialogs = (item for item in self._slack.dialogs if item.user.name == user)
        return "".join(sections) + "".join(dialog_as_html(item, names) for item in dialogs)

    async def say(self, place: str, user: str, text: str, thread: str) -> str:
        """Say it: a slash command, or words to the app."""
        command, _, rest = text.partition(" ")
        if command == self._slack.app.command:
            return _told(await self._slack.slash(rest, user=user, channel=place))
        begun = self._chat(place).find(thread)
        said = self._slack.says(text, user=user, channel=place, thread=begun)
        self._slack.later(said)  # an event that is not taken is sent again, for minutes
        return ""

    async def press(self, place: str, user: str, fields: dict[str, str]) -> str:
        """Press a button of a message or of a dialog."""
        message, what = fields.pop("message", ""), fields.pop("what", "")
        dialog = next((item for item in self._slack.dialogs if item.id == message), None)
        if dialog is not None and what == "close":
            dialog.open = False
            self._slack.changed()
            return ""
        if dialog is not None:
            return _told(await self._slack.submits(dialog, fields))
        shown = self._chat(place).find(message)
        if shown is None:
            raise LookupError("That message is not there any more.")
        return _told(await self._slack.clicks(shown, what, user=user, inputs=fields))

    def _chat(self, place: str) -> Conversation:
        return self._slack.channel(place)

    def _seen(self, place: str, user: str) -> list[Shown]:
        shown = self._chat(place).shown
        return [item for item in shown if not item.deleted and item.to in ("", user)]


def _told(delivered: Delivered) -> str:
    """Return the error text for messages that the server did not accept."""
    if delivered.taken:
        return ""
    what = f"answered {delivered.status}" if delivered.status else "did not answer in time"
    return f"SmartOps {what}."


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
        f'<form class="message" data-message="{escape(shown.ts)}">{inside}{files}</form></article>'
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
        f'<dialog open><form class="dialog" data-message="{dialog.id}">'
        f"<h2>{escape(view['title']['text'])}</h2>{blocks}{errors}"
        f'<footer><button name="what" value="close" formnovalidate>Cancel</button> '
        f'<button name="what" class="primary" value="submit">{submit}</button></footer>'
        "</form></dialog>"
    )


def _block(block: Part, names: Mapping[str, str]) -> str:  # noqa: PLR0911 - one for each type
    match block["type"]:
        case "divider":
            return "<hr>"
        case "header":
            return f"<h2>{_text(block['text'], names)}</h2>"
        case "rich_text":
            return "".join(_paragraph(part, names) for part in block["elements"])
        case "context":
            texts = [_text(item, names) for item in block["elements"] if "text" in item]
            return f'<small class="context">{"<br>".join(texts)}</small>'
        case "section":
            text = f"<p>{_text(block['text'], names)}</p>" if "text" in block else ""
            fields = "".join(f"<p>{_text(item, names)}</p>" for item in block.get("fields", ()))
            return f'{text}<div class="fields">{fields}</div>' if fields else text
        case "actions":
            return f"<footer>{''.join(map(_button, block['elements']))}</footer>"
        case "input":
            return _input(block, names)
    return f'<p class="unknown">a block of type {escape(block["type"])} is not drawn here</p>'


def _button(item: Part) -> str:
    if item["type"] != "button":
        return ""
    value, style = escape(item["action_id"]), escape(item.get("style", ""))
    text = escape(item["text"]["text"])
    return f'<button name="what" value="{value}" class="{style}">{text}</button>'


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
    return f'<label class="field">{label}{control}{hint}</label>'


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
