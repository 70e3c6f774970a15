"""The tests that every Costs must pass."""
# ruff: noqa: D102 - the name of a test says what it requires

from __future__ import annotations

from datetime import UTC, timedelta
from typing import ClassVar

import pytest

from smartops.backend import Costs
from smartops.errors import ValidationFailed

from .base import Contract, Now


class CostsContract(Contract):
    """Daily costs.

    ``unbilled`` is the number of complete days that the platform has not billed yet.
    """

    unbilled: ClassVar[int] = 0

    @pytest.fixture
    def costs(self) -> Costs:
        """Return the backend under test."""
        raise NotImplementedError("override the fixture costs")

    @pytest.mark.parametrize("days", [1, 14])
    async def test_days_are_complete_and_in_order(self, costs: Costs, now: Now, days: int) -> None:
        bill = await costs.daily(days)
        today = now().astimezone(UTC).date()
        assert [item.day for item in bill] == [
            today - timedelta(days=back + self.unbilled) for back in range(days, 0, -1)
        ]
        assert all(item.amount >= 0 for item in bill)
        assert len({item.currency for item in bill}) == 1
        assert all(len(item.currency) == 3 for item in bill)

    async def test_a_longer_bill_includes_the_shorter(self, costs: Costs) -> None:
        assert (await costs.daily(14))[-7:] == await costs.daily(7)

    async def test_groups_add_up_to_the_total(self, costs: Costs) -> None:
        total = await costs.daily(7)
        groups = await costs.daily(7, "service")
        assert all(item.group for item in groups)
        for day in total:
            parts = [item.amount for item in groups if item.day == day.day]
            assert sum(parts) == pytest.approx(day.amount, abs=0.01 * len(parts))

    async def test_an_unknown_grouping_is_refused(self, costs: Costs) -> None:
        with pytest.raises(ValidationFailed):
            await costs.daily(7, "phase of the moon")

    async def test_a_bill_of_no_days_is_refused(self, costs: Costs) -> None:
        with pytest.raises(ValidationFailed):
            await costs.daily(0)
