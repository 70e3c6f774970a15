"""Posts of alerts: made, edited and continued in their threads until the alerts are over.

Each round compares what is posted with the alerts in the store, so that restarts and several
replicas change nothing: one process makes or edits a post at a time. A post whose process
stopped before the platform's id of it was stored may exist: nothing is posted in its place until
there is news.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import anyio

from smartops.alerts import Group, Route, lines_of, reply_of, state_of
from smartops.contained import Caught, contained
from smartops.errors import BackendUnavailable, Refusal
from smartops.reply import Reply, Text
from smartops.services import Clock
from smartops.store import Alert, AlertPost, AuditSearch, Silence, Store, StoreUnavailable

from .delivery import Delivery

log = logging.getLogger("smartops.alerts")

TICK = 2.0
"""How many seconds lie between two looks."""
MOST = 10_000
"""How many alerts are looked at; further ones wait until others are resolved."""
PACE = 5.0
"""How many seconds lie between two edits of a post, at least."""
RETRY = 30.0
"""After how many seconds a place that cannot be reached is tried again."""
SENDING = 100.0
"""How many seconds a call of a platform may take: less than the lease of a post."""
CAUSE = 1800.0
"""How many seconds before the end of an alert a change may have ended it."""


class Posting:
    """Keeps the posts of alerts up to date. ``unreachable`` are places, and why."""

    def __init__(
        self,
        store: Store,
        delivery: Delivery,
        clock: Clock,
        routes: Sequence[Route],
        spawn: Callable[..., None],
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._clock = clock
        self._routes: Mapping[str, Route] = {route.name: route for route in routes}
        self._spawn = spawn
        self.unreachable: dict[str, str] = {}

    async def forever(self) -> None:
        """Look every few seconds until cancelled, if there are routes."""
        while self._routes:
            with Caught(log, "the posts of alerts were not looked after"):
                try:
                    await self.look()
                except StoreUnavailable as error:
                    log.warning("the posts of alerts are not looked after: %s", error)
            await self._clock.sleep(TICK)

    async def look(self) -> None:
        """Begin and edit the posts for which there is news."""
        posts = await self._store.alert_posts()
        since = min((post.opened for post in posts), default=None)
        alerts = await self._store.alerts(resolved_since=since, limit=MOST)
        silences = await self._store.silences() if alerts else []
        groups = self._groups(alerts)
        for post in posts:
            if post.due <= self._clock.time():
                members = groups[post.route, post.group]
                await self._look_at(post, _since(members, post.opened), silences)
        posted = {(post.route, post.group, post.place) for post in posts}
        for (name, key), members in groups.items():
            await self._begin(self._routes[name], key, Group(members, silences), posted)

    def _groups(self, alerts: Iterable[Alert]) -> dict[tuple[str, str], list[Alert]]:
        groups: dict[tuple[str, str], list[Alert]] = defaultdict(list)
        for alert in alerts:
            for route in self._routes.values():
                if route.takes(alert):
                    groups[route.name, route.group(alert)].append(alert)
        return groups

    async def _begin(
        self, route: Route, key: str, group: Group, posted: set[tuple[str, str, str]]
    ) -> None:
        """Post a group where it is not posted yet, once its time has come."""
        now = self._clock.time()
        due = any(item.received + route.wait <= now for item in group.loud)
        if not due or route.is_quiet(self._clock.now()):
            return
        firing = Group(group.firing, group.silences)
        for where in map(str, route.places):
            if (route.name, key, where) not in posted:
                post = await self._store.open_post(route.name, key, where, state_of(firing))
                if post is not None:
                    self._spawn(self._post, post, firing)

    async def _look_at(
        self, post: AlertPost, alerts: Sequence[Alert], silences: Sequence[Silence]
    ) -> None:
        """Edit a post if it does not show the state of its group."""
        group = Group(alerts, silences)
        if post.route not in self._routes or not alerts:
            await self._store.change_post(post.id, closed=self._clock.time())
        elif state_of(group) != post.state:
            if post.shown and await self._store.take_post(post):
                self._spawn(self._edit, post, group)
            elif not post.shown and await self._store.take_post(post, state=state_of(group)):
                self._spawn(self._post, post, group)

    async def _post(self, post: AlertPost, group: Group) -> None:
        """Make a post; one that may exist already is not made again."""
        if not group.firing:
            await self._store.change_post(post.id, closed=self._clock.time())
            return
        shown = await self._sent(post, self._reply(post, group), post.id)
        if shown:
            await self._store.change_post(post.id, shown=shown, due=self._clock.time() + PACE)

    async def _edit(self, post: AlertPost, group: Group) -> None:
        """Show the state of the group, and say in the thread what has changed."""
        now = self._clock.time()
        lines = lines_of(group, post.state)
        shown = await self._sent(post, self._reply(post, group), post.id, replaces=post.shown)
        if not shown:
            return
        closed = None if group.firing else now
        state = state_of(group)
        due = now + PACE
        await self._store.change_post(post.id, state=state, shown=shown, due=due, closed=closed)
        if closed and (cause := await self._cause(group)):
            lines[-1] += f", {cause}"
        if lines:
            news = Reply.of(*map(Text, lines))
            await self._sent(post, news, f"{post.id}-{int(now)}", thread=shown)

    def _reply(self, post: AlertPost, group: Group) -> Reply:
        return reply_of(group, self._routes[post.route].suggest)

    async def _sent(
        self, post: AlertPost, reply: Reply, key: str, *, replaces: str = "", thread: str = ""
    ) -> str:
        """Send to the place of a post, and return the id of the message; empty if it failed."""
        with Caught(log, "an alert could not be posted in %s", post.place):
            try:
                with anyio.fail_after(SENDING):
                    shown = await self._send(post.place, reply, key, replaces, thread)
                self.unreachable.pop(post.place, None)
                return shown
            except TimeoutError:
                log.error("an alert was perhaps not posted in %s: no answer", post.place)
            except BackendUnavailable as error:
                log.warning("an alert cannot be posted in %s yet: %s", post.place, error)
                again = {} if replaces or thread else {"state": "{}"}
                due = self._clock.time() + max(RETRY, error.retry_after or 0)
                await self._store.change_post(post.id, due=due, **again)
            except Refusal as error:
                log.error("alerts cannot be posted in %s: %s", post.place, error)
                self.unreachable[post.place] = error.message
        return ""

    async def _send(self, where: str, reply: Reply, key: str, replaces: str, thread: str) -> str:
        channel, message = await self._delivery.addressed(where, key, thread)
        return await contained(channel.name, channel.send(message, reply, replaces=replaces))

    async def _cause(self, group: Group) -> str:
        """Return which change on a machine of the alerts came just before they ended."""
        names = {value for item in group.alerts for value in item.labels.values()}
        for name in sorted(names)[:20]:
            search = AuditSearch(target=name, outcome="success", since=group.ended - CAUSE)
            for event in await self._store.audit_events(search, 20):
                if event.operation_id and event.at <= group.ended:
                    minutes = round((group.ended - event.at) / 60)
                    return f"{minutes} min after {event.text} by {event.person}"
        return ""


def _since(alerts: Iterable[Alert], opened: float) -> list[Alert]:
    """Return the alerts that fire, and those that ended since a post was begun."""
    return [item for item in alerts if item.resolved is None or item.resolved >= opened]
