"""Deployments of services: ``list services`` and ``deploy SERVICE VERSION``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Self

from pydantic import BaseModel

from smartops import (
    BackendUnavailable,
    Call,
    Change,
    Command,
    Duration,
    Plan,
    Reply,
    Secret,
    Services,
    Table,
    Work,
    command,
    hookimpl,
)

from .api import DeployApi

_VERSION = re.compile(r"\d+\.\d+\.\d+")


class DeployConfig(BaseModel, extra="forbid"):
    """The section ``plugins.deploy``."""

    url: str
    token: Secret
    poll: Duration = timedelta(seconds=2)


class Service(str):
    """The name of a service."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(text.lower())

    @classmethod
    async def choices(cls, prefix: str, services: Services) -> Sequence[str]:
        api: DeployApi = services.shared[DeployApi]
        return [name for name in await api.services() if name.startswith(prefix)]


class Version(str):
    """A version such as 1.4.2."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        if not _VERSION.fullmatch(text.removeprefix("v")):
            raise ValueError("a version has three numbers, such as 1.4.2")
        return cls(text.removeprefix("v"))


@hookimpl
def config_type() -> type[BaseModel]:
    return DeployConfig


@hookimpl
def setup(config: DeployConfig, services: Services) -> None:
    services.shared[DeployApi] = DeployApi(config.url, config.token, services)


@hookimpl
def register_commands(config: DeployConfig, services: Services) -> Iterable[Command]:
    api: DeployApi = services.shared[DeployApi]

    @command("list services")
    async def list_services() -> Reply:
        """List the services and the versions that run."""
        found = await api.services()
        return Reply.of(
            Table(("Service", "Version"), tuple(found.items())), data={"services": found}
        )

    @command(
        "deploy {service} {version}",
        effect="change",
        examples=("deploy shop 1.4.2",),
        deadline=timedelta(minutes=30),
    )
    async def deploy(service: Service, version: Version, call: Call, work: Work) -> Reply:
        """Deploy a version of a service, and direct requests to it."""

        async def start() -> str:
            return await api.start(service, version, call.idempotency_key)

        deployment = await work.once("start", start)
        await _ready(deployment, f"Deploying {service} {version}", work)
        await work.once("activate", lambda: api.activate(deployment))
        return Reply.of(f"{service} {version} is deployed.", data={"deployment": deployment})

    @deploy.plan
    async def plan(service: Service, version: Version) -> Plan:
        before = (await api.services())[service]
        return Plan(f"Deploy {service} {version}", (Change(service, service, before, version),))

    async def _ready(deployment: str, text: str, work: Work) -> None:
        """Report progress until the deployment is ready."""
        while True:
            found = await api.deployment(deployment)
            if found.state == "failed":
                raise BackendUnavailable(
                    f"The deployment {deployment} failed", details="The old version still runs"
                )
            if found.state == "ready":
                return
            await work.progress(text, done=found.done, total=found.total)
            await services.clock.sleep(config.poll.total_seconds())

    return [list_services, deploy]
