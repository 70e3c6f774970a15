"""The tests that every Compute must pass."""
# ruff: noqa: D102 - the name of a test says what it requires

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar, get_args

import pytest

from smartops.backend import Compute, Instance, Query, State, Verb
from smartops.errors import InstanceNotFound, ValidationFailed

from .base import Advance, Contract

_VERBS: tuple[Verb, ...] = get_args(Verb)
_STATES: tuple[State, ...] = get_args(State)


class ComputeContract(Contract):
    """Machines that can be listed, started and stopped.

    The cloud behind ``compute`` has at least three running machines with unique
    names, private addresses and a tag each, one of which may be stopped, rebooted
    and tagged, and at least one stopped machine. ``unknown_id`` is a well-formed
    id of no machine.
    """

    unknown_id: ClassVar[str] = "i-0ffffffffffffffff"

    @pytest.fixture
    def compute(self) -> Compute:
        """Return the backend under test."""
        raise NotImplementedError("override the fixture compute")

    async def test_ping_answers_and_changes_nothing(self, compute: Compute) -> None:
        before = await compute.list(Query())
        await compute.ping()
        assert await compute.list(Query()) == before

    async def test_a_listing_is_complete_and_sorted(self, compute: Compute) -> None:
        page = await compute.list(Query())
        keys = [(item.name, item.id) for item in page.instances]
        assert keys == sorted(keys)
        assert len(set(keys)) == len(keys) >= 4
        assert page.next == ""
        counted = dict.fromkeys(page.counts, 0)
        for item in page.instances:
            assert item.state in _STATES
            assert item.platform in ("linux", "windows")
            assert item.type
            assert item.backend in compute.members
            assert item.launched is None or item.launched.tzinfo is not None
            counted[item.state] += 1
        assert counted == page.counts

    async def test_the_pages_together_equal_the_listing(self, compute: Compute) -> None:
        whole = await compute.list(Query())
        page = await compute.list(Query(limit=2))
        collected = list(page.instances)
        while page.next:
            assert len(page.instances) == 2
            assert page.counts == whole.counts
            page = await compute.list(Query(limit=2, cursor=page.next))
            collected += page.instances
        assert collected == list(whole.instances)

    async def test_an_unknown_cursor_is_refused(self, compute: Compute) -> None:
        with pytest.raises(ValidationFailed):
            await compute.list(Query(limit=2, cursor="no-cursor-of-this-backend"))

    async def test_each_condition_selects_matching_instances(self, compute: Compute) -> None:
        everything = (await compute.list(Query())).instances
        one = await _running(compute)
        key, value = next(iter(one.tags.items()))
        head = one.name[:2]
        expected: list[tuple[Query, Callable[[Instance], bool]]] = [
            (Query(ids=(one.id, self.unknown_id)), lambda item: item.id == one.id),
            (Query(names=(one.name,)), lambda item: item.name == one.name),
            (Query(names=(f"{head}*",)), lambda item: item.name.startswith(head)),
            (Query(names=(f"?{one.name[1:]}",)), lambda item: item.name[1:] == one.name[1:]),
            (Query(addresses=(one.private_ip,)), lambda item: item.private_ip == one.private_ip),
            (Query(states=("running",)), lambda item: item.state == "running"),
            (Query(states=("running", "stopped")), lambda x: x.state in ("running", "stopped")),
            (Query(platforms=(one.platform,)), lambda item: item.platform == one.platform),
            (Query(names=(one.name.swapcase(),)), lambda item: item.name == one.name),
            (Query(names=(f"{one.name[:-1]}\\{one.name[-1]}",)), lambda x: x.name == one.name),
            (Query(names=(rf"{head}\*",)), lambda item: item.name == f"{head}*"),
            (Query(types=(one.type,)), lambda item: item.type == one.type),
            (Query(types=(f"{one.type[:2]}*",)), lambda x: x.type.startswith(one.type[:2])),
            (Query(tags={key: (value,)}), lambda item: item.tags.get(key) == value),
            (
                Query(tags={key: (f"{value[:1]}*",)}),
                lambda item: item.tags.get(key, "").startswith(value[:1]),
            ),
            (Query(tags={key: (f"{value[:-1]}\\*",)}), lambda _: False),
            (Query(tags={key: ()}), lambda item: key in item.tags),
            (
                Query(states=("running",), types=(one.type,), tags={key: ()}),
                lambda x: (x.state, x.type) == ("running", one.type) and key in x.tags,
            ),
        ]
        for query, holds in expected:
            page = await compute.list(query)
            assert page.instances == tuple(filter(holds, everything)), query
            assert sum(page.counts.values()) == len(page.instances), query

    async def test_a_query_without_matches_is_empty(self, compute: Compute) -> None:
        for query in (
            Query(ids=(self.unknown_id,)),
            Query(names=("no-machine-is-called-this",)),
            Query(tags={"no-machine-has-this-tag": ()}),
            Query(states=("running",), names=("no-machine-is-called-this",)),
        ):
            page = await compute.list(query)
            assert (page.instances, sum(page.counts.values()), page.next) == ((), 0, "")

    async def test_the_counts_of_a_page_cover_all_matches(self, compute: Compute) -> None:
        whole = await compute.list(Query(states=("running",)))
        page = await compute.list(Query(states=("running",), limit=1))
        assert page.instances == whole.instances[:1]
        assert page.counts == whole.counts == {"running": len(whole.instances)}
        assert page.next

    @pytest.fixture
    def impaired(self) -> str:
        """Return the name of a running machine whose status check fails, or an empty string."""
        return ""

    async def test_failed_status_checks_are_reported_and_healthy_instances_are_not(
        self, compute: Compute, impaired: str
    ) -> None:
        running = (await compute.list(Query(states=("running",)))).instances
        found = await compute.conditions(running)
        failing = [item.name for item in running if item.id in found and found[item.id].failed]
        assert failing == ([impaired] if impaired else [])
        assert all(item.failed or item.scheduled for item in found.values())
        healthy = [item for item in running if item.id not in found]
        assert not await compute.conditions(healthy[:1])

    async def test_stop_and_start_reach_their_final_states(
        self, compute: Compute, advance: Advance
    ) -> None:
        one = await self._stoppable(compute)
        (stopped,) = await compute.change("stop", [one])
        assert (stopped.id, stopped.before) == (one.id, "running")
        assert stopped.after in ("stopping", "stopped")
        await self._wait_for_state(compute, advance, one.id, "stopped")
        (started,) = await compute.change("start", [one])
        assert (started.id, started.before) == (one.id, "stopped")
        assert started.after in ("pending", "running")
        await self._wait_for_state(compute, advance, one.id, "running")

    async def test_a_verb_without_effect_keeps_the_state(self, compute: Compute) -> None:
        running = await _running(compute)
        stopped = (await compute.list(Query(states=("stopped",)))).instances[0]
        for verb, item in (("start", running), ("stop", stopped)):
            (done,) = await compute.change(verb, [item])  # type: ignore[arg-type]
            assert (done.before, done.after) == (item.state, item.state)
            assert await _state(compute, item.id) == item.state

    async def test_a_rebooted_instance_stays_running(self, compute: Compute) -> None:
        one = await self._stoppable(compute)
        (done,) = await compute.change("reboot", [one])
        assert (done.id, done.before, done.after) == (one.id, "running", "running")

    async def test_one_unknown_id_stops_nothing(self, compute: Compute) -> None:
        one = await self._stoppable(compute)
        for call in (compute.change, compute.check):
            with pytest.raises(InstanceNotFound):
                await call("stop", [one, self._unknown(one)])
        assert await _state(compute, one.id) == "running"

    async def test_an_empty_list_of_instances_is_refused(self, compute: Compute) -> None:
        before = await compute.list(Query())
        for verb in _VERBS:
            with pytest.raises(ValidationFailed):
                await compute.change(verb, [])
        assert await compute.list(Query()) == before

    async def test_checking_changes_nothing(self, compute: Compute) -> None:
        one = await self._stoppable(compute)
        before = await compute.list(Query())
        await compute.check("stop", [one])
        await compute.check("reboot", [one])
        assert await compute.list(Query()) == before

    async def test_tags_are_set_and_removed(self, compute: Compute) -> None:
        one = await self._stoppable(compute)
        await compute.tag(one, put={"contract": "a", "contract-2": ""})
        assert await _tags(compute, one.id) == {**one.tags, "contract": "a", "contract-2": ""}
        await compute.tag(one, put={"contract": "b"}, remove=("contract-2",))
        assert await _tags(compute, one.id) == {**one.tags, "contract": "b"}
        selected = await compute.list(Query(tags={"contract": ("b",)}))
        assert [item.id for item in selected.instances] == [one.id]
        await compute.tag(one, put={}, remove=("contract", "never-there"))
        assert await _tags(compute, one.id) == dict(one.tags)
        with pytest.raises(InstanceNotFound):
            await compute.tag(self._unknown(one), put={"contract": "a"})

    async def test_checking_tags_changes_nothing(self, compute: Compute) -> None:
        one = await self._stoppable(compute)
        before = await compute.list(Query())
        await compute.check_tag(one, put={"contract": "a"}, remove=tuple(one.tags)[:1])
        assert await compute.list(Query()) == before
        with pytest.raises(InstanceNotFound):
            await compute.check_tag(self._unknown(one), put={"contract": "a"})

    def _unknown(self, one: Instance) -> Instance:
        """Return a machine of the same backend that does not exist."""
        return replace(one, id=self.unknown_id, name="", private_ip="", public_ip="")

    async def _stoppable(self, compute: Compute) -> Instance:
        """Return a running machine that may be stopped."""
        for item in (await compute.list(Query(states=("running",)))).instances:
            try:
                await compute.check("stop", [item])
            except ValidationFailed:
                continue
            return item
        raise AssertionError("no running machine may be stopped")

    async def _wait_for_state(
        self, compute: Compute, advance: Advance, id: str, state: str
    ) -> None:
        await self.until(advance, lambda: _state(compute, id), lambda found: found == state)


async def _running(compute: Compute) -> Instance:
    return (await compute.list(Query(states=("running",)))).instances[0]


async def _state(compute: Compute, id: str) -> str:
    (found,) = (await compute.list(Query(ids=(id,)))).instances
    return found.state


async def _tags(compute: Compute, id: str) -> dict[str, str]:
    (found,) = (await compute.list(Query(ids=(id,)))).instances
    return dict(found.tags)
