"""Files, in three steps: a place is asked for, the content is sent there, and it is shared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from .answers import Answer, Arguments, refusal
from .world import BOT, Conversation, File, Shown, World, made_id

LARGEST = 1 << 30


@dataclass(slots=True)
class Files:
    """Takes files. ``url`` is where they are sent to."""

    world: World
    breaches: list[str]
    url: str = ""
    files: dict[str, File] = field(default_factory=dict)
    posted: Callable[[Conversation, Shown], None] = lambda _chat, _shown: None
    changed: Callable[[], None] = lambda: None

    def routes(self, app: web.Application) -> None:
        """Serve the uploads, and the downloads of the page in the browser."""
        app.router.add_post("/upload/{id}", self._upload)
        app.router.add_get("/files/{id}", self._download)

    def promise(self, arguments: Arguments) -> Answer:
        """Serve ``files.getUploadURLExternal``."""
        name, length = str(arguments.get("filename", "")), int(arguments.get("length", 0))
        if not name or not 0 < length <= LARGEST:
            return refusal("invalid_arguments", "a file has a name and a length")
        file = File(made_id("F", str(len(self.files))), name, length)
        self.files[file.id] = file
        return {"upload_url": f"{self.url}/upload/{file.id}", "file_id": file.id}

    def complete(self, arguments: Arguments) -> Answer:
        """Serve ``files.completeUploadExternal``."""
        wanted: list[dict[str, Any]] = arguments.get("files") or []
        files = [self.files.get(item.get("id", "")) for item in wanted]
        if not files or any(file is None or file.content is None for file in files):
            return refusal("file_not_found")
        chat = self.world.conversations.get(str(arguments.get("channel_id")))
        if chat is None or not chat.bot_is_in:
            return refusal("channel_not_found")
        thread = str(arguments.get("thread_ts", ""))
        shown = Shown(self.world.ts(), chat.id, BOT, thread=thread)
        for item, file in zip(wanted, files, strict=True):
            assert file is not None
            file.title, file.channel, file.thread = item.get("title", file.name), chat.id, thread
            shown.files.append(file)
        chat.shown.append(shown)
        self.posted(chat, shown)
        return {"files": [{"id": file.id, "title": file.title} for file in shown.files]}

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        if "Authorization" in request.headers:
            self.breaches.append("upload: the app's token was sent along")
        file = self.files.get(request.match_info["id"])
        if file is None:
            return web.Response(status=404, text="no such upload")
        content = await request.read()
        if len(content) != file.length:
            self.breaches.append(f"{file.name}: {len(content)} bytes instead of {file.length}")
            return web.Response(status=400, text="length")
        file.content = content
        self.changed()
        return web.Response(text=f"OK - {len(content)}")

    async def _download(self, request: web.Request) -> web.StreamResponse:
        file = self.files.get(request.match_info["id"])
        if file is None or file.content is None:
            return web.Response(status=404)
        headers = {
            "Content-Disposition": f"attachment; filename={file.name}",
            "X-Content-Type-Options": "nosniff",
        }
        return web.Response(body=file.content, content_type="text/plain", headers=headers)
