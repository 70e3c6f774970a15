"""The posts of groups of alerts: one in each place while the group is not over."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, RowMapping, select, update

from smartops.jsonable import members

from .access import Access, insert
from .rows import AlertPost
from .tables import alert_posts

POST_LEASE = 120.0
"""For how many seconds a post is the process's that posts or edits it."""


class AlertPosts(Access):
    """Posts, each of which one process edits at a time."""

    async def alert_posts(self) -> Sequence[AlertPost]:
        """Return the posts of groups that are not over."""
        rows = await self._read(select(alert_posts).where(alert_posts.c.closed.is_(None)))
        return [_post_of(row) for row in rows]

    async def open_post(self, route: str, group: str, place: str, state: str) -> AlertPost | None:
        """Begin a post, which is this process's to make; None if it was begun already."""
        now = self._clock.time()
        post = AlertPost(
            f"po-{secrets.token_hex(6)}",
            route,
            group,
            place,
            now,
            state,
            lease_until=now + POST_LEASE,
        )

        def begin(connection: Connection) -> bool:
            statement = insert(alert_posts, connection.dialect.name).values(members(post))
            begun = statement.on_conflict_do_nothing().returning(alert_posts.c.id)
            return connection.execute(begun).first() is not None

        return post if await self._write(begin, repeatable=False) else None

    async def take_post(self, post: AlertPost, **changes: str) -> bool:
        """Make a post this process's to edit; False if it is another's, or was edited since."""
        now = self._clock.time()
        columns = alert_posts.c
        mine = (columns.id == post.id, columns.state == post.state, columns.lease_until <= now)
        statement = update(alert_posts).where(*mine, columns.closed.is_(None), columns.due <= now)
        taken = statement.values(lease_until=now + POST_LEASE, **changes)
        return await self._write(lambda c: c.execute(taken).rowcount == 1, repeatable=False)

    async def change_post(self, id: str, **changes: str | float | None) -> None:
        """Store what became of a post, and let others edit it."""
        statement = update(alert_posts).where(alert_posts.c.id == id)
        values: Mapping[str, str | float | None] = {"lease_until": 0.0, **changes}
        await self._write(lambda c: c.execute(statement.values(values)))


def _post_of(row: RowMapping) -> AlertPost:
    return AlertPost(**row)
