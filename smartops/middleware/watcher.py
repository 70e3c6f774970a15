"""Whoever shows the sender how far it is."""

from __future__ import annotations


class Watcher:
    """Shows nothing; channels that can edit what they sent have a better one."""

    def accepted(self) -> None:
        """Hear that the pressed button was the sender's to press, and counts."""

    async def show(self, text: str, done: int, total: int) -> None:
        """Show how far it is; ``total`` is 0 where nobody knows."""
