"""A believable cloud in memory: for the demo, for tests, and for trying SmartOps out.

It implements all capabilities over one world that comes from configuration and
a seed. See the README in this folder.
"""

from __future__ import annotations

from collections.abc import Iterable

from smartops import Backend, Interpreter, Services, hookimpl

from .config import FakeConfig


@hookimpl
def config_type() -> type[FakeConfig]:
    """Return the model of the plugin's section."""
    return FakeConfig


@hookimpl
def register_backends(config: FakeConfig, services: Services) -> Iterable[Backend]:
    """Return the cloud, with all of its capabilities."""
    from .backend import Fake

    return [Fake.of(config, services.clock)]


@hookimpl
def register_interpreters(config: FakeConfig, services: Services) -> Iterable[Interpreter]:
    """Return the scripted interpreter, if it has something to say."""
    from .faults import Faults
    from .interpreter import FakeInterpreter

    faults = Faults(config.faults, config.seed, services.clock)
    if not config.phrases and "interpret" not in faults:
        return []
    return [FakeInterpreter(config.phrases, faults)]
