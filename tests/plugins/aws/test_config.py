"""The section ``plugins.aws``, and its description in the README."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import smartops_aws
from smartops_aws.config import AwsConfig
from smartops_aws.kit import is_loopback

README = Path(smartops_aws.__file__).with_name("README.md").read_text()
ACCOUNT = {"name": "prod", "account": "123456789012", "regions": ["eu-central-1"]}
ROLE = "arn:aws:iam::123456789012:role/ops/smartops"


@pytest.mark.parametrize(
    ("account", "why"),
    [
        ({"account": None}, "needs account: (twelve digits in quotes) or role:"),
        ({"account": "1234"}, "pattern"),
        ({"account": 123456789012}, "string"),
        ({"account": "999999999999", "role": ROLE}, "another account"),
        ({"role": "arn:aws:iam::123456789012:user/smartops"}, "pattern"),
        ({"external_id": "x"}, "belongs to a role"),
        ({"regions": []}, "at least 1"),
        ({"regions": ["eu-central-1", "eu-central-1"]}, "named twice"),
        ({"regions": ["Frankfurt"]}, "there is no region Frankfurt"),
        ({"regions": ["eu-centrl-1"]}, "there is no region eu-centrl-1"),
        ({"regions": ["eu-central-1a"]}, "names such as eu-central-1"),
        ({"name": "a/b"}, "pattern"),
        ({"name": ""}, "pattern"),
        ({"region": "eu-central-1"}, "Extra"),
    ],
)
def test_an_invalid_account_is_refused(account: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError) as refused:
        AwsConfig.model_validate({"accounts": [{**ACCOUNT, **account}]})
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ({"accounts": []}, "at least 1"),
        ({"accounts": [ACCOUNT, ACCOUNT]}, "two accounts are called prod"),
        ({"managed_tag": "smartops"}, "pattern"),
        ({"limits": {"threads": 0}}, "greater than or equal to 1"),
        ({"endpoint": "http://example.com"}, "https:// URL"),
        ({"endpoint": "http://localhost.example.com"}, "https:// URL"),
        ({"endpoint": "ftp://localhost"}, "https:// URL"),
        ({"endpoint": "https://"}, "https:// URL"),
        ({"runners": {}}, "Extra"),
    ],
)
def test_an_invalid_section_is_refused(section: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError) as refused:
        AwsConfig.model_validate({"accounts": [ACCOUNT], **section})
    assert why in str(refused.value)


def test_every_region_of_the_sdk_is_valid(plain: Any) -> None:
    names = {
        name
        for partition in plain.get_available_partitions()
        for name in plain.get_available_regions("ec2", partition)
    }
    assert {"eu-central-1", "cn-north-1", "us-gov-west-1"} <= names
    AwsConfig.model_validate({"accounts": [{**ACCOUNT, "regions": sorted(names)}]})


def test_the_account_is_taken_from_the_role() -> None:
    account = {"name": "prod", "role": ROLE, "regions": ["eu-central-1"]}
    (found,) = AwsConfig.model_validate({"accounts": [account]}).accounts
    assert found.number == "123456789012"


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:4566", True),
        ("http://localhost", True),
        ("http://[::1]:1", True),
        ("https://vpce-1.ec2.eu-central-1.vpce.amazonaws.com", False),
        ("https://127.0.0.1.example.com", False),
    ],
)
def test_loopback_endpoints_are_recognised(url: str, here: bool) -> None:
    assert is_loopback(url) is here
    assert AwsConfig.model_validate({"accounts": [ACCOUNT], "endpoint": url}).endpoint == url
