"""A made-up cloud in memory, for demos and tests. See the README in this folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from smartops import FreeText, Interpreter, Services, hookimpl
from smartops.backends import Backend

from .config import FakeConfig
from .faults import Faults


@hookimpl
def config_type() -> type[FakeConfig]:
    """Return the model of the plugin's section."""
    return FakeConfig


@hookimpl
def register_backends(config: FakeConfig, services: Services) -> Iterable[Backend]:
    """Return the cloud, one backend with all capabilities."""
    from .backend import Fake

    return [Fake.of(config, services.clock)]


@hookimpl
def register_interpreters(config: FakeConfig, services: Services) -> Iterable[Interpreter]:
    """Return the interpreter, if it has phrases or faults."""
    faults = Faults(config.faults, services.clock, lambda _: None)
    if not config.phrases and "interpret" not in faults:
        return []
    return [FakeInterpreter(config.phrases, faults)]


class FakeInterpreter(Interpreter):
    """Interprets exactly the configured phrases, ignoring case and spacing."""

    name = "fake"

    def __init__(self, phrases: Mapping[str, str], faults: Faults) -> None:
        self._phrases = {_plain(text): command for text, command in phrases.items()}
        self._faults = faults

    async def interpret(self, question: FreeText) -> str | None:
        """Return the command of a configured phrase; raises ModelFailed if so configured."""
        async with self._faults.around("interpret"):
            return self._phrases.get(_plain(question.message.text))


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip("?!. ")
