"""The contract for sinks: places outside the database that get a copy of the audit log."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class AuditBatch:
    """Audit events in the order of their ids, and the checkpoints made since the last batch.

    An event is JSON as in ``GET /api/audit``, with its place in the audit log: ``chain``,
    ``seq`` and ``hash``. A checkpoint is the text of a signed note.
    """

    events: Sequence[Mapping[str, Any]]
    checkpoints: Sequence[str]


class AuditSink(ABC):
    """Gets every audit event and checkpoint at least once, from one replica at a time.

    ``name`` identifies its position in the audit log, and stays the same over restarts.
    """

    name: str

    @abstractmethod
    async def send(self, batch: AuditBatch) -> None:
        """Deliver a batch; it counts as delivered when this returns.

        After an exception, or 30 seconds, it is sent again later. After a crash events of
        it are sent again, perhaps in other batches: ``chain`` and ``seq`` identify them.
        """
