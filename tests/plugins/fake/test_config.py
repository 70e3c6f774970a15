"""The configuration section: the README's example, and invalid settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import smartops_fake
from smartops_fake.backend import Fake
from smartops_fake.config import FakeConfig

Make = Callable[..., Fake]
README = (Path(smartops_fake.__file__).parent / "README.md").read_text()


@pytest.mark.parametrize(
    ("section", "place", "problem"),
    [
        ({"instance": 3}, "instance", "Extra inputs"),
        ({"instances": -1}, "instances", "greater than or equal to 0"),
        ({"fleet": [{"id": "web", "name": "a"}]}, "fleet.0.id", "should match pattern"),
        ({"fleet": [{"id": "i-1"}]}, "fleet.0.name", "Field required"),
        ({"fleet": [{"name": "a", "age": "0s"}]}, "fleet.0.age", "greater than"),
        ({"fleet": [{"name": "a", "state": "on"}]}, "fleet.0.state", "Input should be"),
        ({"scripts": [{"pattern": "("}]}, "scripts.0.pattern", "valid regular expression"),
        (
            {"incidents": [{"instance": "a", "metric": "cpu", "value": 101, "since": "1m"}]},
            "incidents.0.value",
            "less than or equal to 100",
        ),
        ({"faults": [{"operation": "lists"}]}, "faults.0.operation", "Input should be"),
        ({"journal": "cloud.jsonl"}, "journal", "Extra inputs"),
    ],
)
def test_invalid_settings_are_refused_with_their_path(
    section: dict[str, Any], place: str, problem: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        FakeConfig.model_validate(section)
    found = [(".".join(map(str, e["loc"])), e["msg"]) for e in refused.value.errors()]
    assert any(where.startswith(place) and problem in text for where, text in found), found


def test_duplicate_instance_ids_are_a_start_error(make: Make) -> None:
    twins = [{"id": "i-1", "name": "a"}, {"id": "i-1", "name": "b"}]
    with pytest.raises(ValueError, match="two instances of the fleet have the same id"):
        make(fleet=twins)


def test_an_incident_without_instances_is_a_start_error(make: Make) -> None:
    incident = {"instance": "nobody-*", "metric": "cpu", "value": 95, "since": "1m"}
    with pytest.raises(ValueError, match=r"incident 1 names no instance: nobody-\*"):
        make(incidents=[incident])


def test_numbers_are_accepted_for_text() -> None:
    config = FakeConfig.model_validate(
        {"seed": 7, "fleet": [{"name": "a", "tags": {"Tier": 1, "Version": 1.5}}]}
    )
    assert config.seed == "7"
    assert config.fleet[0].tags == {"Tier": "1", "Version": "1.5"}
