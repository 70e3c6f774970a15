"""The plans of changes."""

from __future__ import annotations

from dataclasses import replace

from smartops.contained import contained
from smartops.plan import Plan

from .steps import Allowed, Parts


async def planned(parts: Parts, allowed: Allowed) -> Plan:
    """Return the plan of a change, with what plugins say about its targets as warnings."""
    call = allowed.call
    plan = await parts.wired[call.command].plan(call)
    if parts.annotations is None or not call.targets:
        return plan
    found = await contained("annotations", parts.annotations.annotations(call.targets))
    labels = {item.id: item.label for item in call.targets}
    notes = (f"{labels.get(item.instance_id, item.instance_id)} is {item.text}" for item in found)
    return replace(plan, warnings=(*plan.warnings, *notes))
