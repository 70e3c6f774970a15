"""The plugin's section of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import smartops_teams
from smartops import Services
from smartops_teams import TeamsConfig
from smartops_teams.authentication import Authenticator
from teams_activities import APP_ID, STRANGE_TENANT, TENANT

pytestmark = pytest.mark.anyio

README = Path(smartops_teams.__file__).with_name("README.md")
GUID = "must be a GUID"


def config(**changes: Any) -> TeamsConfig:
    return TeamsConfig.model_validate({"app_id": APP_ID, "tenants": [TENANT], **changes})


@pytest.mark.parametrize(
    ("cloud", "issuer", "metadata", "host", "sts", "login"),
    [
        (
            "public",
            "api.botframework.com",
            "login.botframework.com",
            "smba.trafficmanager.net",
            "sts.windows.net",
            "login.microsoftonline.com",
        ),
        (
            "usgov",
            "api.botframework.us",
            "login.botframework.azure.us",
            "smba.infra.gov.teams.microsoft.us",
            "sts.windows.net",
            "login.microsoftonline.us",
        ),
        (
            "china",
            "api.botframework.azure.cn",
            "login.botframework.azure.cn",
            "msteams.botframework.azure.cn",
            "sts.chinacloudapi.cn",
            "login.partner.microsoftonline.cn",
        ),
    ],
)
async def test_each_cloud_has_its_issuers_and_hosts(
    services: Services, cloud: str, issuer: str, metadata: str, host: str, sts: str, login: str
) -> None:
    made = config(cloud=cloud, accept_emulator_tokens=True)
    framework, emulator = Authenticator(made, services).issuers
    assert framework.issuers == (f"https://{issuer}",)
    assert framework.metadata == f"https://{metadata}/v1/.well-known/openidconfiguration"
    assert framework.audiences == emulator.audiences == (APP_ID,)
    assert emulator.issuers == (f"https://{sts}/{TENANT}/", f"https://{login}/{TENANT}/v2.0")
    assert emulator.claims == {"tid": TENANT}
    assert emulator.metadata == f"https://{login}/{TENANT}/v2.0/.well-known/openid-configuration"
    assert made.allows(f"https://{host}/x/")


async def test_settings_replace_the_values_of_the_cloud(services: Services) -> None:
    made = config(issuer="https://i", metadata="https://m", service_hosts=["one.example"])
    (framework,) = Authenticator(made, services).issuers
    assert (framework.issuers, framework.metadata) == (("https://i",), "https://m")
    assert made.allows("https://one.example/")
    assert not made.allows("https://smba.trafficmanager.net/")


def test_emulator_tokens_need_one_tenant() -> None:
    both = {"tenants": [TENANT, STRANGE_TENANT], "accept_emulator_tokens": True}
    with pytest.raises(ValidationError, match="accept_emulator_tokens needs emulator_tenant"):
        config(**both)
    assert config(**both, emulator_tenant=STRANGE_TENANT).own_tenant == STRANGE_TENANT


def test_ids_are_converted_to_lower_case() -> None:
    made = config(app_id=APP_ID.upper(), tenants=[f" {TENANT.upper()} "])
    assert (made.app_id, made.tenants) == (APP_ID, (TENANT,))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"app_id": None}, "valid string"),
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
def test_invalid_settings_are_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        config(**changes)


def test_the_readme_documents_every_key() -> None:
    text = README.read_text()
    for name, field in TeamsConfig.model_fields.items():
        assert f"| `{name}` |" in text
        assert field.description
