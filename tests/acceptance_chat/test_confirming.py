"""Asked in a channel, shown in the thread, confirmed, done once."""

from __future__ import annotations

import pytest

from chat_house import Front, House

pytestmark = pytest.mark.anyio


async def test_a_change_is_asked_for_confirmed_and_done_once(house: House, front: Front) -> None:
    said = await front.says("reboot web-server-01")
    asked = await front.asked()
    assert front.thread(asked) == front.thread(said)
    assert "Confirmation required" in asked.text
    assert "web-server-01" in asked.text
    assert house.changes == []

    await front.clicks(asked, "confirm")
    await house.until(lambda: asked.edits and not asked.buttons)
    assert "web-server-01" in asked.text
    assert "Rebooting" in asked.text
    assert [change["what"] for change in house.changes] == ["reboot"]
    assert len(front.answers()) == 1
    assert front.rejected() == []
