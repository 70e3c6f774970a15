"""The client of the deployment API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter, ValidationError

from smartops import BackendUnavailable, PermissionDenied, Secret, Services, ValidationFailed

T = TypeVar("T")


class Running(BaseModel):
    """A service, and the version that runs."""

    name: str
    version: str


class ServiceList(BaseModel):
    services: tuple[Running, ...]


class Started(BaseModel):
    id: str


class Deployment(BaseModel):
    """How far a deployment is: ``running``, ``ready`` or ``failed``."""

    state: str
    done: int = 0
    total: int = 0


class DeployApi:
    """The API at one address; raises refusals."""

    def __init__(self, url: str, token: Secret, services: Services) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._services = services

    async def services(self) -> Mapping[str, str]:
        """Return the services, and the version of each that runs."""
        found = await self._call("GET", "/services", ServiceList)
        return {item.name: item.version for item in found.services}

    async def start(self, service: str, version: str, key: str) -> str:
        """Start a deployment and return its id; with the same ``key``, it is the same one."""
        path = f"/services/{quote(service, safe='')}/deployments"
        return (await self._call("POST", path, Started, {"version": version, "key": key})).id

    async def deployment(self, id: str) -> Deployment:
        """Return how far a deployment is."""
        return await self._call("GET", f"/deployments/{quote(id, safe='')}", Deployment)

    async def activate(self, id: str) -> None:
        """Direct requests to the deployed version."""
        await self._call("POST", f"/deployments/{quote(id, safe='')}/activate", dict[str, Any])

    async def _call(self, method: str, path: str, kind: type[T], body: object = None) -> T:
        headers = {"Authorization": f"Bearer {self._token.reveal()}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        content = None if body is None else json.dumps(body).encode()
        http = self._services.http
        reply = await http.request(method, self._url + path, headers=headers, body=content)
        if reply.status in (401, 403):
            raise PermissionDenied("The deployment API refused the token of SmartOps")
        if 400 <= reply.status < 500:
            raise ValidationFailed(f"The deployment API refused this ({reply.status})")
        try:
            if reply.status >= 300:
                raise ValueError(f"status {reply.status}")
            return TypeAdapter(kind).validate_json(reply.body)
        except (ValueError, ValidationError) as error:
            raise BackendUnavailable("The deployment API gave no valid answer") from error
