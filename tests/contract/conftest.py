"""Rewrite the assertions of the contract tests for readable failures."""

import pytest

pytest.register_assert_rewrite("smartops.testing.channels")
