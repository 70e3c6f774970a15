"""The plugin's section of the configuration, and the values of the three clouds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from smartops import Secret
from smartops.channels import Url, is_loopback

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HOST = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
_LOGIN = re.compile(
    r"https://[^\s@?#]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?(/[^\s@?#]*)?"
)
_CREDENTIALS = ("client_secret", "certificate", "federated_token_file", "managed_identity")


@dataclass(frozen=True, slots=True)
class Cloud:
    """The addresses of one Microsoft cloud.

    ``service_url`` takes posts to tenants that have not sent an activity yet, if it is known.
    ``issuer`` issues the Bot Framework's tokens and is the connector's name in requests
    for tokens. ``login`` and ``sts`` are the hosts that issue a tenant's tokens.
    """

    issuer: str
    service_url: str
    metadata: str
    login: str
    sts: str
    hosts: tuple[str, ...]

    def entra_issuers(self, tenant: str) -> tuple[str, ...]:
        """Return the exact issuers of one tenant's tokens, of version 1 and 2."""
        return f"https://{self.sts}/{tenant}/", f"https://{self.login}/{tenant}/v2.0"

    def entra_metadata(self, tenant: str) -> str:
        """Return the URL of one tenant's metadata."""
        return f"https://{self.login}/{tenant}/v2.0/.well-known/openid-configuration"


CLOUDS = {
    "public": Cloud(
        issuer="https://api.botframework.com",
        service_url="https://smba.trafficmanager.net/teams/",
        metadata="https://login.botframework.com/v1/.well-known/openidconfiguration",
        login="login.microsoftonline.com",
        sts="sts.windows.net",
        hosts=(
            "smba.trafficmanager.net",
            "*.botframework.com",
            "teams.microsoft.com",
            "smba.infra.gcc.teams.microsoft.com",
        ),
    ),
    "usgov": Cloud(
        issuer="https://api.botframework.us",
        service_url="https://smba.infra.gov.teams.microsoft.us/teams/",
        metadata="https://login.botframework.azure.us/v1/.well-known/openidconfiguration",
        login="login.microsoftonline.us",
        sts="sts.windows.net",
        hosts=(
            "smba.infra.gov.teams.microsoft.us",
            "*.teams.microsoft.us",
            "*.botframework.azure.us",
        ),
    ),
    "china": Cloud(
        issuer="https://api.botframework.azure.cn",
        service_url="",
        metadata="https://login.botframework.azure.cn/v1/.well-known/openidconfiguration",
        login="login.partner.microsoftonline.cn",
        sts="sts.chinacloudapi.cn",
        hosts=("*.botframework.azure.cn",),
    ),
}


def _guid(value: str) -> str:
    folded = value.strip().lower()
    if not _GUID.fullmatch(folded):
        raise ValueError("must be a GUID such as 1f0c6a2e-0000-4000-8000-000000000000")
    return folded


def _host(value: str) -> str:
    folded = value.strip().lower()
    if not is_loopback(folded) and not _HOST.fullmatch(folded):
        raise ValueError(
            "must be a host name such as smba.trafficmanager.net, or *. and a domain of two parts"
        )
    return folded


Guid = Annotated[str, AfterValidator(_guid)]
Host = Annotated[str, AfterValidator(_host)]


class TeamsConfig(BaseModel):
    """The bot, the tenants it serves, and the issuers of tokens it accepts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    app_id: Guid = Field(description="Application (client) id of the bot's registration.")
    tenants: tuple[Guid, ...] = Field(
        min_length=1,
        description="Ids of the tenants whose people are served; all others are refused.",
    )
    cloud: Literal["public", "usgov", "china"] = Field(
        default="public",
        description="The Microsoft cloud: public (GCC too), usgov (GCC High, DoD) or china.",
    )
    issuer: str = Field(
        default="",
        description="Issuer of the Bot Framework's tokens; normally that of the cloud.",
    )
    metadata: str = Field(
        default="",
        description="URL of the Bot Framework's OpenID metadata; normally that of the cloud.",
    )
    client_secret: Secret | None = Field(
        default=None,
        description="Proves to the login who the bot is: a secret of its registration.",
    )
    certificate: Path | None = Field(
        default=None,
        description="Or a certificate of its registration: a PEM file with it and its private key.",
    )
    federated_token_file: Path | None = Field(
        default=None,
        description="Or a file with a token that a federated credential of its registration "
        "trusts; it is read anew for each login.",
    )
    managed_identity: bool = Field(
        default=False,
        description="Or the identity of the Azure machine or service this runs on.",
    )
    identity_endpoint: str = Field(
        default="",
        description="Where the managed identity is asked for; normally what the platform says.",
    )
    login_url: str = Field(
        default="",
        description="Where the bot logs in; normally that of the cloud.",
    )
    login_tenant: str = Field(
        default="",
        description="Tenant the bot logs in at: its registration's, or botframework.com for an "
        "old multi-tenant bot. Needed when several tenants are served.",
    )
    service_hosts: tuple[Host, ...] = Field(
        default=(),
        description="Hosts answers may be sent to, instead of the cloud's; *.example.com allows "
        "every host below. A loopback name also allows http.",
    )
    accept_emulator_tokens: bool = Field(
        default=False,
        description="Development: accept tokens that a holder of the bot's own secret obtained "
        "for it. Such a holder can speak as anybody.",
    )
    emulator_tenant: Guid | Literal[""] = Field(
        default="",
        description="Tenant of the bot's registration; needed with accept_emulator_tokens when "
        "several tenants are served.",
    )
    emulator_metadata: str = Field(
        default="",
        description="URL of that tenant's OpenID metadata; normally that of the cloud.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.accept_emulator_tokens and not self.own_tenant:
            raise ValueError("accept_emulator_tokens needs emulator_tenant: several are served")
        given = [name for name in _CREDENTIALS if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"one of these is enough: {', '.join(given)}")
        if given and not self.managed_identity and not self.home_tenant:
            raise ValueError(f"{given[0]} needs login_tenant: several tenants are served")
        if self.login_url and not _LOGIN.fullmatch(self.login_url):
            raise ValueError("login_url must begin with https, or http and a loopback name")
        return self

    @property
    def home_tenant(self) -> str:
        """The tenant the bot logs in at; empty if it is not known."""
        return self.login_tenant or self.own_tenant

    @property
    def sends(self) -> bool:
        """Whether the bot has a credential, and so can send messages."""
        return any(getattr(self, name) for name in _CREDENTIALS)

    @property
    def preset(self) -> Cloud:
        """The addresses of the cloud."""
        return CLOUDS[self.cloud]

    @property
    def own_tenant(self) -> str:
        """The tenant of the bot's registration; empty if it is not known."""
        return self.emulator_tenant or (self.tenants[0] if len(self.tenants) == 1 else "")

    def allows(self, url: str) -> bool:
        """Return whether replies, and with them the bot's token, may be sent to a service URL.

        It must be https on the usual port, without a user. A loopback name in
        ``service_hosts`` also allows http and any port, for development.
        """
        parts = Url.parse(url)
        hosts = self.service_hosts or self.preset.hosts
        if parts is None or parts.scheme not in ("https", "http"):
            return False
        if parts.is_loopback:
            return parts.host in hosts
        suffixes = tuple(host[1:] for host in hosts if host.startswith("*."))
        return parts.is_secure and (parts.host in hosts or parts.host.endswith(suffixes))
