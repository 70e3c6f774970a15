"""Readable failures of the contract's own assertions."""

import pytest

pytest.register_assert_rewrite("smartops.testing.channels")
