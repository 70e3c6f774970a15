"""Memory of conversations, so that a question can follow up on an earlier one.

It belongs to one person in one conversation, thread included, because another person
may not be allowed to see what the answers were made of.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from smartops import Clock, KeyValueStore, Message, Person

from .config import ContextConfig
from .fence import shorten

_SPACE = "context/"
_MOST = 40_000
_LONGEST_TEXT = 4000
_LONGEST_RESULT = 3000
_MOST_STEPS = 4


@dataclass(frozen=True, slots=True)
class Step:
    """A tool call of the model, and its result."""

    tool: str
    input: dict[str, Any]
    result: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question, the steps to its answer, and the answer.

    The answer is empty if SmartOps answered instead of the model. A ``private`` exchange
    makes later answers private too.
    """

    question: str
    answer: str
    steps: tuple[Step, ...] = ()
    private: bool = False


class Memory:
    """The last exchanges of each person in each conversation."""

    def __init__(self, config: ContextConfig, store: KeyValueStore, clock: Clock) -> None:
        self._config = config
        self._store = store
        self._clock = clock

    async def recall(self, message: Message, person: Person) -> tuple[Exchange, ...]:
        """Return the exchanges of the conversation, oldest first."""
        stored = await self._store.get(_key(message, person))
        if stored is None or not self._config.exchanges:
            return ()
        document = json.loads(stored)
        if document["expires"] <= self._clock.time():
            return ()
        return tuple(map(_exchange, document["exchanges"][-self._config.exchanges :]))

    async def remember(
        self, message: Message, person: Person, before: Sequence[Exchange], new: Exchange
    ) -> None:
        """Store an exchange after those before it."""
        if not self._config.exchanges:
            return
        exchanges = [*before, _shortened(new)][-self._config.exchanges :]
        while len(text := self._dump(exchanges)) > _MOST:
            del exchanges[0]
        await self._store.put(_key(message, person), text)

    async def forget(self, message: Message, person: Person) -> None:
        """Delete the exchanges of the conversation."""
        await self._store.delete(_key(message, person))

    async def sweep(self) -> None:
        """Delete the conversations that have expired."""
        now = self._clock.time()
        for key, stored in (await self._store.items(_SPACE)).items():
            if json.loads(stored)["expires"] <= now:
                await self._store.delete(key)

    def _dump(self, exchanges: Sequence[Exchange]) -> str:
        expires = self._clock.time() + self._config.expires.total_seconds()
        document = {"expires": expires, "exchanges": [asdict(item) for item in exchanges]}
        text = json.dumps(document, ensure_ascii=False)
        return text.encode("utf-8", "replace").decode()  # a model may write a lone surrogate


def messages_of(exchanges: Sequence[Exchange], question: Sequence[Any]) -> list[dict[str, Any]]:
    """Return exchanges and the new question as the messages of a request.

    Results are tool results again, so that they stay data. Two messages of one role in a
    row become one.
    """
    messages: list[dict[str, Any]] = []

    def add(role: str, content: Sequence[Any]) -> None:
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"].extend(content)
        else:
            messages.append({"role": role, "content": list(content)})

    for number, exchange in enumerate(exchanges):
        add("user", [{"text": exchange.question}])
        uses, results = [], []
        for place, step in enumerate(exchange.steps):
            key = {"toolUseId": f"before-{number}-{place}"}
            uses.append({"toolUse": {**key, "name": step.tool, "input": step.input}})
            results.append({"toolResult": {**key, "content": [{"text": step.result}]}})
        if uses:
            add("assistant", uses)
            add("user", results)
        if exchange.answer:
            add("assistant", [{"text": exchange.answer}])
    add("user", question)
    return messages


def _key(message: Message, person: Person) -> str:
    parts = (message.channel, message.conversation, message.thread, person.name)
    return _SPACE + hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _shortened(exchange: Exchange) -> Exchange:
    steps = [replace(step, result=shorten(step.result, _LONGEST_RESULT)) for step in exchange.steps]
    return replace(
        exchange,
        question=exchange.question[:_LONGEST_TEXT],
        answer=exchange.answer[:_LONGEST_TEXT],
        steps=tuple(steps[-_MOST_STEPS:]),
    )


def _exchange(stored: dict[str, Any]) -> Exchange:
    steps = tuple(Step(**step) for step in stored["steps"])
    return Exchange(stored["question"], stored["answer"], steps, stored.get("private", True))
