"""The section of the configuration: the README's, and invalid ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import smartops_bedrock
from smartops_bedrock import BedrockConfig

README = Path(smartops_bedrock.__file__).with_name("README.md").read_text()
LEAST = {"model": "amazon.nova-pro-v1:0", "region": "eu-central-1"}


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ({"model": "x y"}, "model"),
        ({"model": None}, "model"),
        ({"region": "Frankfurt"}, "there is no region Frankfurt"),
        ({"region": "eu-centrl-1"}, "there is no region eu-centrl-1"),
        ({"endpoint": "http://bedrock.example.com"}, "must be an https"),
        ({"role": "smartops"}, "role"),
        ({"external_id": "7"}, "belongs to a role"),
        ({"guardrail": {"id": "gr1"}}, "version"),
        ({"guardrail": {"id": "gr1", "version": "latest"}}, "version"),
        ({"temperature": 2}, "temperature"),
        ({"rounds": 0}, "rounds"),
        ({"budget": {"person": 0}}, "person"),
        ({"limits": {"read": "0s"}}, "read"),
        ({"api_key": "x"}, "api_key"),
    ],
)
def test_invalid_sections_are_refused(section: dict[str, Any], complaint: str):
    with pytest.raises(ValidationError, match=complaint):
        BedrockConfig.model_validate({**LEAST, **section})
