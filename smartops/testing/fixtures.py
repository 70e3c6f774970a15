"""The pytest plugin: installing SmartOps gives tests the ``bot`` fixture.

pytest loads this module in every project that has SmartOps installed, so it
imports nothing of SmartOps before a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .bot import Bot


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    """Return a complete SmartOps to send messages to; see ``smartops.testing.Bot``."""
    from .bot import Bot

    bot = Bot(tmp_path)
    yield bot
    await bot.aclose()
