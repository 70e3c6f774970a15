"""The command ``execute`` passes the contract of commands that run text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

import smartops_exec
import smartops_fake
from smartops.testing import Bot, RunsTextContract
from smartops_fake.backend import Fake


class TestReadOnlyScripts(RunsTextContract):
    text = "df -h"
    argument = "script"

    @pytest.fixture
    def ran(self, bot: Bot, monkeypatch: pytest.MonkeyPatch) -> Sequence[str]:
        ran: list[str] = []
        send = Fake.send

        async def noted(self: Fake, script: str, *arguments: Any, **more: Any) -> str:
            ran.append(script)
            return await send(self, script, *arguments, **more)

        monkeypatch.setattr(Fake, "send", noted)
        bot.load(smartops_fake, fleet=[{"name": "web-1"}])
        scripts = [{"script": "df -h", "read_only": True}, {"script": "systemctl restart nginx"}]
        bot.load(smartops_exec, scripts=scripts)
        return ran

    def message(self, written: str) -> str:
        return f"execute {written} on web-1"


class TestChangingScripts(TestReadOnlyScripts):
    text = "systemctl restart nginx"
