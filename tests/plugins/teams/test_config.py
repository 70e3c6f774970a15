"""The plugin's section: what it needs, what the clouds differ in, what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

import smartops_teams
from smartops import Services
from smartops.channels import Channel
from smartops_teams import TeamsConfig
from smartops_teams.hosts import ServiceHosts
from smartops_teams.proof import Proof
from teams_acts import APP_ID, STRANGE_TENANT, TENANT

pytestmark = pytest.mark.anyio

README = Path(smartops_teams.__file__).with_name("README.md")
GUID = "must be a GUID"


def config(**changes: Any) -> TeamsConfig:
    return TeamsConfig.model_validate({"app_id": APP_ID, "tenants": [TENANT], **changes})


@pytest.mark.parametrize(
    ("cloud", "issuer", "metadata", "host"),
    [
        (
            "public",
            "https://api.botframework.com",
            "https://login.botframework.com/v1/.well-known/openidconfiguration",
            "smba.trafficmanager.net",
        ),
        (
            "usgov",
            "https://api.botframework.us",
            "https://login.botframework.azure.us/v1/.well-known/openidconfiguration",
            "smba.infra.gov.teams.microsoft.us",
        ),
        (
            "china",
            "https://api.botframework.azure.cn",
            "https://login.botframework.azure.cn/v1/.well-known/openidconfiguration",
            "msteams.botframework.azure.cn",
        ),
    ],
)
async def test_a_cloud_is_a_preset(
    services: Services, cloud: str, issuer: str, metadata: str, host: str
) -> None:
    made = config(cloud=cloud)
    (trusted,) = Proof(made, services).issuers
    assert trusted.issuers == (issuer,)
    assert trusted.metadata == metadata
    assert trusted.audiences == (APP_ID,)
    assert ServiceHosts(made.hosts).allows(f"https://{host}/x/")


async def test_every_value_of_the_cloud_can_be_replaced(services: Services) -> None:
    made = config(issuer="https://i", metadata="https://m", service_hosts=["one.example"])
    (trusted,) = Proof(made, services).issuers
    assert (trusted.issuers, trusted.metadata) == (("https://i",), "https://m")
    assert ServiceHosts(made.hosts).allows("https://one.example/")
    assert not ServiceHosts(made.hosts).allows("https://smba.trafficmanager.net/")


@pytest.mark.parametrize(
    ("cloud", "issuers", "login"),
    [
        (
            "public",
            (
                f"https://sts.windows.net/{TENANT}/",
                f"https://login.microsoftonline.com/{TENANT}/v2.0",
            ),
            "login.microsoftonline.com",
        ),
        (
            "usgov",
            (
                f"https://sts.windows.net/{TENANT}/",
                f"https://login.microsoftonline.us/{TENANT}/v2.0",
            ),
            "login.microsoftonline.us",
        ),
        (
            "china",
            (
                f"https://sts.chinacloudapi.cn/{TENANT}/",
                f"https://login.partner.microsoftonline.cn/{TENANT}/v2.0",
            ),
            "login.partner.microsoftonline.cn",
        ),
    ],
)
async def test_the_emulator_is_the_own_tenant(
    services: Services, cloud: str, issuers: tuple[str, ...], login: str
) -> None:
    _, emulator = Proof(config(cloud=cloud, accept_emulator_tokens=True), services).issuers
    assert emulator.issuers == issuers
    assert emulator.claims == {"tid": TENANT}
    assert emulator.metadata == (f"https://{login}/{TENANT}/v2.0/.well-known/openid-configuration")


def test_the_own_tenant_must_be_said_when_several_are_served() -> None:
    both = {"tenants": [TENANT, STRANGE_TENANT], "accept_emulator_tokens": True}
    with pytest.raises(ValidationError, match="accept_emulator_tokens needs emulator_tenant"):
        config(**both)
    assert config(**both, emulator_tenant=STRANGE_TENANT).own_tenant == STRANGE_TENANT


def test_ids_are_kept_in_lower_case() -> None:
    made = config(app_id=APP_ID.upper(), tenants=[f" {TENANT.upper()} "])
    assert (made.app_id, made.tenants) == (APP_ID, (TENANT,))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"app_id": "my-bot"}, GUID),
        ({"app_id": ""}, GUID),
        ({"tenants": ["contoso.onmicrosoft.com"]}, GUID),
        ({"tenants": ["*"]}, GUID),
        ({"tenants": []}, "at least 1 item"),
        ({"tenants": None}, "valid tuple"),
        ({"cloud": "moon"}, "'public', 'usgov' or 'china'"),
        ({"service_hosts": ["*"]}, "must be a host name"),
        ({"service_hosts": ["*.com"]}, "must be a host name"),
        ({"service_hosts": ["https://smba.trafficmanager.net"]}, "must be a host name"),
        ({"service_hosts": ["10.0.0.1"]}, "must be a host name"),
        ({"service_hosts": ["host.example:443"]}, "must be a host name"),
        ({"app_pasword": "x"}, "Extra inputs are not permitted"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        config(**changes)


@pytest.mark.parametrize("missing", ["app_id", "tenants"])
def test_who_the_bot_is_and_serves_must_be_said(missing: str) -> None:
    given = {"app_id": APP_ID, "tenants": [TENANT]}
    del given[missing]
    with pytest.raises(ValidationError, match="Field required"):
        TeamsConfig.model_validate(given)


async def test_the_hooks_offer_one_channel(services: Services) -> None:
    assert smartops_teams.config_type() is TeamsConfig
    (channel,) = smartops_teams.setup(config(), services).register_channels()
    assert isinstance(channel, Channel)
    assert channel.name == "teams"


def snippets() -> list[dict[str, Any]]:
    blocks = README.read_text().split("```yaml\n")[1:]
    return [yaml.safe_load(block.partition("```")[0]) for block in blocks]


def test_the_readmes_configuration_loads() -> None:
    sections = [snippet["plugins"]["teams"] for snippet in snippets() if "plugins" in snippet]
    assert len(sections) >= 2
    for section in sections:
        TeamsConfig.model_validate(section)


def test_the_readme_knows_every_key() -> None:
    text = README.read_text()
    for name, field in TeamsConfig.model_fields.items():
        assert f"| `{name}` |" in text
        assert field.description
