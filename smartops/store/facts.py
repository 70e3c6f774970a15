"""Open questions to people, and the key-value stores of plugins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from smartops.jsonable import members

from .access import insert, upsert
from .audit import Audit
from .rows import OpenQuestion
from .tables import key_values, questions

_CLOSE = delete(questions).where(  # built once: it runs for each command in a chat
    questions.c.person == bindparam("person"),
    questions.c.channel == bindparam("channel"),
    questions.c.conversation == bindparam("conversation"),
    questions.c.expires <= bindparam("expires"),
)


def _close(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    connection.execute(_CLOSE, rows)


class Facts(Audit):
    """Small rows that are looked up by their key."""

    async def ask(self, question: OpenQuestion) -> None:
        """Store a question; it replaces the one before it in the same conversation."""
        row = self._seal.sealed(questions, members(question))
        await self._write(lambda connection: upsert(connection, questions, row))

    async def take_question(
        self, person: str, channel: str, conversation_id: str
    ) -> OpenQuestion | None:
        """Delete and return the open question to a person there, unless it has expired."""
        columns = questions.c
        about = columns.person == person, columns.channel == channel
        statement = delete(questions).where(*about, columns.conversation == conversation_id)

        def take(connection: Connection) -> OpenQuestion | None:
            found = connection.execute(statement.returning(questions)).mappings()
            rows = self._valid(questions, found)
            return (
                OpenQuestion(**{name: rows[0][name] for name in OpenQuestion.__slots__})
                if rows
                else None
            )

        question = await self._write(take, repeatable=False)
        return question if question and question.expires > self._clock.time() else None

    def close_question(self, asked: OpenQuestion) -> None:
        """Delete, soon, the question of that person there, unless it expires after ``asked``."""
        self._writer.queue(_close, row=members(asked))

    async def facts(self, name: str, prefix: str = "") -> dict[str, str]:
        """Return a plugin's values whose keys begin with the prefix."""
        begins = key_values.c.key.startswith(prefix, autoescape=True)
        query = select(key_values).where(key_values.c.name == name, begins)
        rows = self._valid(key_values, await self._read(query))
        return {row["key"]: row["value"] for row in rows}

    async def put_fact(self, name: str, key: str, value: str) -> None:
        """Store a plugin's value, in place of the one with its key."""
        row = self._seal.sealed(key_values, {"name": name, "key": key, "value": value})
        await self._write(lambda connection: upsert(connection, key_values, row))

    async def drop_fact(self, name: str, key: str) -> None:
        """Delete a plugin's value."""
        statement = delete(key_values).where(key_values.c.name == name, key_values.c.key == key)
        await self._write(lambda connection: connection.execute(statement))

    async def swap_fact(self, name: str, key: str, old: str | None, new: str | None) -> bool:
        """Replace a plugin's value if it is ``old``; None stands for no value.

        Not repeated if the commit was uncertain: the value may then be ``new`` already.
        """
        there = key_values.c.name == name, key_values.c.key == key, key_values.c.value == old
        row = {"name": name, "key": key, "value": new}
        row = row if new is None else self._seal.sealed(key_values, row)

        def swap(connection: Connection) -> bool:
            statement: Any
            if new is None:
                statement = delete(key_values).where(*there)
            elif old is None:
                statement = insert(key_values, connection.dialect.name).values(row)
                statement = statement.on_conflict_do_nothing()
            else:
                statement = update(key_values).where(*there).values(row)
            return connection.execute(statement.returning(key_values.c.key)).first() is not None

        return await self._write(swap, repeatable=False)
