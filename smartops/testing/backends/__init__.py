"""What every backend must do, as tests: subclass a contract and hand it a backend.

::

    class TestMyCompute(ComputeContract):
        @pytest.fixture
        def compute(self) -> Compute:
            return MyCompute(...)

The same contracts hold for a cloud in memory and for a real one, so they find
their machines by asking, put back what they change, and wait for what takes
time. A backend on a clock that is moved by hand overrides ``advance`` (and
``now``), the others let the tests sleep. ``step`` is how long a contract waits
before it looks again, ``patience`` when it stops looking, both in seconds.

The tests are coroutines for anyio's pytest plugin. For readable failures, call
``pytest.register_assert_rewrite("smartops.testing.backends")`` before importing
this package.
"""

from .compute import ComputeContract
from .costs import CostsContract
from .metrics import MetricsContract
from .runner import RunnerContract

__all__ = ["ComputeContract", "CostsContract", "MetricsContract", "RunnerContract"]
