"""The capability of plugins that have something to say about instances."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from .backend import Backend, Instance


@dataclass(frozen=True, slots=True)
class Annotation:
    """What a plugin says about one instance, such as who has locked it."""

    instance_id: str
    text: str


class Annotations(Backend):
    """What plugins say about instances: shown in plans, in lists and with a single instance."""

    @abstractmethod
    async def annotations(self, instances: Sequence[Instance]) -> Sequence[Annotation]:
        """Return what there is to say about these instances; nothing about most of them."""
