"""The look-alike as a thing that runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from smartops import Clock

from .app import Port
from .calls import Calls
from .faults import Trouble
from .incidents import Faults, Refusal
from .rules import Rules
from .scenario import Incident, Scenario
from .world import Cloud, World

LARGEST_REQUEST = 16 * 1024 * 1024


class AwsSimulator:
    """An AWS that listens on this machine. Made by :meth:`start`.

    ``url`` is what clients take as ``endpoint_url``. ``calls`` are the calls
    that were made. The access key chooses the account: one of ``keys`` in the
    scenario, one handed out by AssumeRole, or an account's number; any other
    key is of the first account. Every secret is good.
    """

    def __init__(self, scenario: Scenario, clock: Clock) -> None:
        self.scenario = scenario
        self.calls = Calls()
        self.url = ""
        self._cloud = Cloud(scenario, clock)
        self._rules = Rules(scenario.denials)
        self._trouble = Trouble(scenario.faults)

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        scenario: Scenario | Mapping[str, Any] | Path | str | None = None,
        *,
        clock: Clock | None = None,
        port: int = 0,
    ) -> AsyncIterator[AwsSimulator]:
        """Listen on 127.0.0.1, on any free port if ``port`` is 0, until the context ends.

        ``scenario`` may be a mapping or the path of a YAML file. Raises
        ValueError for a scenario that makes no sense, and OSError.
        """
        simulator = cls(Scenario.of(scenario), clock or Clock())
        handler = Port(
            simulator._cloud, simulator._rules, simulator._trouble, simulator.calls
        ).handle
        app = web.Application(client_max_size=LARGEST_REQUEST)
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            simulator.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield simulator
        finally:
            await runner.cleanup()

    def world(self, account: str = "", region: str = "") -> World:
        """Return what an account has in a region; left out, the first of each.

        Raises KeyError for an account that is not in the scenario.
        """
        account = account or next(iter(self.scenario.accounts))
        known = self.scenario.accounts[account].regions
        return self._cloud.world(account, region or next(iter(known), "us-east-1"))

    def deny(self, action: str, **more: Any) -> None:
        """Deny an IAM action from now on; ``more`` as in the scenario's denials."""
        self._rules.add(Refusal(action=action, **more))

    def allow_all(self) -> None:
        """Deny nothing any more."""
        self._rules.clear()

    def fault(self, action: str, kind: str, **more: Any) -> None:
        """Let something go wrong from now on; ``more`` as in the scenario's faults."""
        self._trouble.add(Faults.model_validate({"action": action, "kind": kind, **more}))

    def expire(self, key: str = "*") -> None:
        """Let an access key be expired from now on, or all of a pattern; ``heal`` renews them."""
        self._cloud.keys.expire(key)

    def heal(self) -> None:
        """Let nothing go wrong any more, in any region, and let all keys be good."""
        self._trouble.clear()
        self._cloud.keys.renew()
        for world in self._cloud.worlds():
            world.down = ""

    def incident(self, account: str = "", region: str = "", **incident: Any) -> None:
        """Let a metric leave its level, as in the scenario's incidents."""
        world = self.world(account, region)
        world.signals.add(Incident.model_validate(incident), self._cloud.clock.time())
