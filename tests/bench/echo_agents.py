"""The echo of Microsoft's Agents SDK, as its samples have it; runs in the rivals' environment.

python echo_agents.py PORT APP_ID TENANT ISSUER KEYS_URL

Two things differ from a real one. The SDK knows by heart where the keys of the
Bot Framework are, so that address is changed in its table. And it has an
outbound token at once, without a request; that is in its favour.
"""

from __future__ import annotations

import sys
from typing import Any

from aiohttp.web import Application, Request, Response, run_app
from microsoft_agents.hosting.aiohttp import (
    CloudAdapter,
    jwt_authorization_middleware,
    start_agent_process,
)
from microsoft_agents.hosting.core import (
    AgentApplication,
    AgentAuthConfiguration,
    AnonymousTokenProvider,
    Connections,
    MemoryStorage,
    TurnContext,
    TurnState,
)
from microsoft_agents.hosting.core.authorization import _entra_issuers


class Token(AnonymousTokenProvider):
    """Has a token for whatever is called."""

    async def get_access_token(self, *_: Any, **__: Any) -> str:
        """Return it."""
        return "held-already"


class OneConnection(Connections):
    """The one registration, whatever is asked for."""

    def __init__(self, configuration: AgentAuthConfiguration) -> None:
        self._configuration = configuration
        self._token = Token()

    def get_connection(self, connection_name: str) -> Token:
        """Return its tokens."""
        return self._token

    def get_default_connection(self) -> Token:
        """Return its tokens."""
        return self._token

    def get_token_provider(self, claims_identity: Any, service_url: str) -> Token:
        """Return its tokens."""
        return self._token

    def get_token_provider_from_activity(self, claims_identity: Any, activity: Any) -> Token:
        """Return its tokens."""
        return self._token

    def get_default_connection_configuration(self) -> AgentAuthConfiguration:
        """Return its settings."""
        return self._configuration


if __name__ == "__main__":
    port, app_id, tenant, issuer, keys = sys.argv[1:]
    _entra_issuers.BOTFRAMEWORK_JWKS_URIS[issuer] = keys
    configuration = AgentAuthConfiguration(client_id=app_id, tenant_id=tenant)
    connections = OneConnection(configuration)
    adapter = CloudAdapter(connection_manager=connections)
    agent = AgentApplication[TurnState](
        storage=MemoryStorage(), connection_manager=connections, adapter=adapter
    )

    @agent.activity("message")
    async def on_message(context: TurnContext, _: TurnState) -> None:
        """Say the same."""
        await context.send_activity(f"you said: {context.activity.text}")

    async def messages(request: Request) -> Response | None:
        """Hand the request to the SDK."""
        return await start_agent_process(request, agent, adapter)

    server = Application(middlewares=[jwt_authorization_middleware])
    server["agent_configuration"] = configuration
    server.router.add_post("/api/messages", messages)
    run_app(server, host="127.0.0.1", port=int(port), print=None, access_log=None)
