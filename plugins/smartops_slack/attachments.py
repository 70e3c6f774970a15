"""Files: what is too long to be read in a chat, attached whole."""

from __future__ import annotations

import logging

from smartops import BackendUnavailable
from smartops.channels import object_of, text_of

from .address import Address
from .api import SlackApi
from .blocks import File
from .failures import OUTSIDE, Declined

log = logging.getLogger("smartops.slack")


class Attachments:
    """Attaches files, in three steps: ask for a place, send the content, share it."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api

    async def attach(self, address: Address, thread: str, file: File) -> str:
        """Share a file where the answer is; return a remark if it went elsewhere, or nowhere.

        Where the bot is not a member, the person gets it in a direct message.
        """
        try:
            await self._shared(file, address.channel, thread)
        except Declined as error:
            if error.error not in OUTSIDE:
                return self._missing(file, error)
        else:
            return ""
        return await self.hand_over(address, file) or f"You have {file.name} in a direct message."

    async def hand_over(self, address: Address, file: File) -> str:
        """Give a file to the person alone; return a remark if that failed."""
        try:
            opened = await self._api.call("conversations.open", users=address.user)
            await self._shared(file, text_of(object_of(opened, "channel"), "id"), "")
        except Declined as error:
            return self._missing(file, error)
        return ""

    async def _shared(self, file: File, channel: str, thread: str) -> None:
        place = await self._api.call(
            "files.getUploadURLExternal", filename=file.name, length=len(file.content)
        )
        url, file_id = text_of(place, "upload_url"), text_of(place, "file_id")
        if not (url and file_id):
            raise BackendUnavailable("Slack offered no place for a file")
        await self._api.upload(url, file.content)
        more = {"thread_ts": thread} if thread else {}
        await self._api.call(
            "files.completeUploadExternal",
            files=[{"id": file_id, "title": file.title}],
            channel_id=channel,
            **more,
        )

    def _missing(self, file: File, error: Declined) -> str:
        log.error("the file %s cannot be attached: %s", file.name, error)
        return f"The file {file.name} could not be attached. {error.message}. {error.details or ''}"
