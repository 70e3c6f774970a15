"""Free text: a language model of Amazon Bedrock proposes commands, which pass the gate."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TYPE_CHECKING

import click

from smartops import Command, Interpreter, Services, hookimpl
from smartops_aws.kit import require_sdk

from .config import BedrockConfig
from .failures import ModelFailed

if TYPE_CHECKING:
    from .interpreter import BedrockInterpreter

__all__ = ["BedrockConfig", "ModelFailed"]

NAME = "bedrock"


@hookimpl
def config_type() -> type[BedrockConfig]:
    """Return the model of the plugin's section."""
    return BedrockConfig


@hookimpl
def setup(config: BedrockConfig, services: Services) -> Hooks:
    """Return the hooks of the interpreter."""
    require_sdk("bedrock")
    from .interpreter import BedrockInterpreter

    return Hooks(BedrockInterpreter(config, services.kv, services.clock))


class Hooks:
    """Hooks that share the interpreter."""

    def __init__(self, interpreter: BedrockInterpreter) -> None:
        self._interpreter = interpreter

    @hookimpl
    def register_interpreters(self) -> Iterable[Interpreter]:
        """Return the interpreter."""
        return [self._interpreter]

    @hookimpl
    def lifespan(self) -> AbstractAsyncContextManager[object]:
        """Close the connections to the model when the app stops."""
        return aclosing(self._interpreter)


@hookimpl
def register_commands(config: BedrockConfig, services: Services) -> Iterable[Command]:
    """Return the command ``model usage``."""
    from .budget import Budget
    from .usage import usage

    return [usage(config, Budget(config.budget, services.kv, services.clock))]


@hookimpl
def register_cli(config: BedrockConfig | None) -> Iterable[click.Command]:
    """Return the commands ``smartops bedrock …``."""
    from .cli import commands

    return commands(config)
