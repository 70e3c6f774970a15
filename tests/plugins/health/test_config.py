from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from smartops_health.config import HealthConfig


def test_a_partial_threshold_keeps_the_other_defaults():
    config = HealthConfig(cpu={"warning": 70}, disk={"sustained": "10m"})
    assert (config.cpu.warning, config.cpu.critical) == (70, 95)
    assert config.cpu.sustained == timedelta(minutes=15)
    assert (config.disk.critical, config.disk.sustained) == (90, timedelta(minutes=10))
    assert config.memory == HealthConfig().memory


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"cpu": {"warning": 96}}, "warning is above critical"),
        ({"cpu": {"critical": 101}}, "less than or equal to 100"),
        ({"cpu": {"sustained": "2h"}}, "cpu.sustained is longer than window"),
        ({"window": "1m"}, "window is shorter than period"),
        ({"period": "90s"}, "whole minutes"),
        ({"period": "30s"}, "whole minutes"),
        ({"cpus": {}}, "Extra inputs"),
    ],
)
def test_inconsistent_settings_are_refused(settings, problem):
    with pytest.raises(ValidationError, match=problem):
        HealthConfig(**settings)
