"""The tests that every Runner must pass."""
# ruff: noqa: D102 - the name of a test says what it requires

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar

import pytest

from smartops.backend import Instance, Runner, RunResult
from smartops.errors import BackendUnavailable, ValidationFailed

from .base import Advance, Contract


class RunnerContract(Contract):
    """Remote execution on Linux machines.

    ``sends_once``: the platform has idempotency tokens. ``shortest`` is the shortest limit of a
    script that it accepts.
    """

    sends_once: ClassVar[bool] = False
    unknown_run: ClassVar[str] = "00000000-0000-4000-8000-000000000000"
    limit: ClassVar[timedelta] = timedelta(seconds=60)
    shortest: ClassVar[timedelta] = timedelta(seconds=30)

    @pytest.fixture
    def runner(self) -> Runner:
        """Return the backend under test."""
        raise NotImplementedError("override the fixture runner")

    @pytest.fixture
    def targets(self) -> Sequence[Instance]:
        """Return two or more running Linux machines whose agents answer."""
        raise NotImplementedError("override the fixture targets")

    @pytest.fixture
    def unreachable(self) -> Instance | None:
        """Return a machine whose agent does not answer, or None if there is none."""
        return None

    async def test_a_script_succeeds_with_its_output(
        self, runner: Runner, targets: Sequence[Instance], advance: Advance
    ) -> None:
        run = await runner.send("echo 'two  words'", targets, limit=self.limit, key="")
        assert run
        results = await self._wait_for_end(runner, advance, run)
        assert [item.instance_id for item in results] == [item.id for item in targets]
        for item in results:
            assert (item.status, item.exit_code) == ("success", 0)
            assert item.output.rstrip("\n") == "two  words"
            assert (item.errors, item.truncated) == ("", False)
            assert item.seconds >= 0

    async def test_the_results_of_a_finished_run_are_final(
        self, runner: Runner, targets: Sequence[Instance], advance: Advance
    ) -> None:
        run = await runner.send("hostname", targets, limit=self.limit, key="")
        results = await self._wait_for_end(runner, advance, run)
        await runner.cancel(run)
        assert await runner.results(run) == results

    @pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("no-such-command-here", 127)])
    async def test_a_failed_script_has_its_exit_code(
        self,
        runner: Runner,
        targets: Sequence[Instance],
        advance: Advance,
        script: str,
        code: int,
    ) -> None:
        run = await runner.send(script, targets[:1], limit=self.limit, key="")
        (result,) = await self._wait_for_end(runner, advance, run)
        assert (result.status, result.exit_code) == ("failed", code)
        assert result.errors or code == 3

    async def test_a_script_times_out_at_the_limit(
        self, runner: Runner, targets: Sequence[Instance], advance: Advance
    ) -> None:
        run = await runner.send("sleep 250", targets[:1], limit=self.shortest, key="")
        (result,) = await self._wait_for_end(runner, advance, run)
        assert (result.status, result.exit_code) == ("timed-out", None)

    async def test_a_run_can_be_cancelled(
        self, runner: Runner, targets: Sequence[Instance], advance: Advance
    ) -> None:
        run = await runner.send("sleep 250", targets[:1], limit=timedelta(seconds=290), key="")
        (result,) = await self.until(
            advance, lambda: runner.results(run), lambda found: found[0].status == "running"
        )
        assert (result.exit_code, result.finished) == (None, False)
        await runner.cancel(run)
        (result,) = await self._wait_for_end(runner, advance, run)
        assert (result.status, result.exit_code) == ("cancelled", None)

    async def test_long_output_is_complete_or_marked_as_truncated(
        self, runner: Runner, targets: Sequence[Instance], advance: Advance
    ) -> None:
        run = await runner.send("seq 1 100000", targets[:1], limit=self.limit, key="")
        (result,) = await self._wait_for_end(runner, advance, run)
        whole = "".join(f"{number}\n" for number in range(1, 100_001))
        assert result.status == "success"
        assert result.output.startswith("1\n2\n3\n")
        assert result.truncated is (result.output != whole)

    async def test_one_idempotency_key_sends_once(
        self, runner: Runner, targets: Sequence[Instance]
    ) -> None:
        if not self.sends_once:
            pytest.skip("the platform has no idempotency tokens")
        first = await runner.send("hostname", targets, limit=self.limit, key="key-1")
        again = await runner.send("hostname", targets, limit=self.limit, key="key-1")
        other = await runner.send("hostname", targets, limit=self.limit, key="key-2")
        assert first == again != other

    async def test_an_unreachable_machine_is_reported_as_such(
        self,
        runner: Runner,
        targets: Sequence[Instance],
        unreachable: Instance | None,
        advance: Advance,
    ) -> None:
        if unreachable is None:
            pytest.skip("there is no machine whose agent does not answer")
        both = [targets[0], unreachable]
        try:
            run = await runner.send("hostname", both, limit=timedelta(seconds=30), key="")
        except BackendUnavailable:
            return
        good, bad = await self._wait_for_end(runner, advance, run)
        assert (good.instance_id, good.status) == (targets[0].id, "success")
        assert (bad.instance_id, bad.status, bad.exit_code) == (
            unreachable.id,
            "unreachable",
            None,
        )

    async def test_the_error_for_unreachable_machines_is_a_backend_error(
        self, runner: Runner
    ) -> None:
        assert issubclass(runner.unreachable, BackendUnavailable)

    async def test_unknown_runs_are_refused(self, runner: Runner) -> None:
        for call in (runner.results, runner.cancel):
            with pytest.raises(ValidationFailed):
                await call(self.unknown_run)

    async def _wait_for_end(
        self, runner: Runner, advance: Advance, run: str
    ) -> tuple[RunResult, ...]:
        return await self.until(
            advance,
            lambda: runner.results(run),
            lambda found: bool(found) and all(item.finished for item in found),
        )
