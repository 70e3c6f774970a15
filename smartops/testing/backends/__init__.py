"""The tests that every backend must pass: subclass a contract and give it a backend.

::

    class TestMyCompute(ComputeContract):
        @pytest.fixture
        def compute(self) -> Compute:
            return MyCompute(...)

The same contracts run against a simulated cloud and a real one, so they find
their machines by listing, undo their changes, and poll for slow transitions. A
backend on a manual clock mixes in ``OnManualClock``; with others the tests sleep.
``step`` is the polling interval and ``timeout`` the timeout, in seconds.

The tests are coroutines for anyio's pytest plugin. For readable failures, call
``pytest.register_assert_rewrite("smartops.testing.backends")`` before importing
this package.
"""

from .base import OnManualClock
from .compute import ComputeContract
from .costs import CostsContract
from .metrics import MetricsContract
from .runner import RunnerContract

__all__ = ["ComputeContract", "CostsContract", "MetricsContract", "OnManualClock", "RunnerContract"]
