"""The command ``check health``."""

from __future__ import annotations

from datetime import timedelta

from smartops import Clock, Command, Compute, Costs, Instance, Metrics, Reply, Work, command
from smartops.backends import Query

from .checkup import Checkup
from .config import HealthConfig
from .measures import Measures
from .report import Report, reply
from .trends import Trending


def checking(config: HealthConfig, clock: Clock) -> Command:
    """Return the command ``check health``."""

    @command(
        "check health [{targets}]",
        "health [{targets}]",
        examples=(
            "check health",
            "check health web-server-01",
            "check health tag:Environment=production",
        ),
        deadline=timedelta(minutes=2),
        resumable=True,
    )
    async def check_health(
        compute: Compute,
        metrics: Metrics,
        costs: Costs | None,
        work: Work,
        targets: list[Instance] | None = None,
    ) -> Reply:
        """Check all instances, or some: issues worst first, then trends."""
        page = await compute.list(Query(states=Query.EXISTING)) if targets is None else None
        instances = page.instances if page else targets or ()
        now = clock.now()
        measures = Measures(metrics, config.period, work)
        checkup = Checkup(config, measures, now)
        notes = await checkup.check_conditions(compute, instances)
        await checkup.examine(instances, named=targets is not None)
        bill = costs if targets is None else None  # it is of everything, not of the targets
        trends = await Trending(config, measures, bill, now).of(instances)
        unlisted = {failure.backend: failure for failure in page.failures} if page else {}
        return reply(
            config,
            Report(
                scope=_scope(targets),
                instances=instances,
                findings=checkup.findings,
                trends=trends,
                unmeasured=checkup.unmeasured,
                failures=tuple({**measures.failures, **unlisted}.values()),
                notes=notes,
            ),
        )

    return check_health


def _scope(targets: list[Instance] | None) -> str:
    if targets is None:
        return "all instances"
    return targets[0].label if len(targets) == 1 else f"{len(targets)} instances"
