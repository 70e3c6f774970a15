"""``smartops plugins``: list plugins and what each registers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import configured

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from smartops.app import Composition
    from smartops.command import Command
    from smartops.plugins import Offer

_HOOKS = {
    "register_backends": "backends",
    "register_commands": "commands",
    "register_channels": "channels",
    "register_layers": "layers",
    "register_guards": "guards",
    "register_observers": "observers",
    "register_audit_sinks": "audit sinks",
    "register_interpreters": "interpreters",
    "register_cli": "command line",
}


@click.command()
@configured(required=False)
def plugins(config: Path | None) -> None:
    """List plugins and what each offers, by hook.

    With a configuration, lists the plugins it loads, in order, and then the other
    installed ones.
    """
    from importlib.metadata import entry_points

    installed = {point.name: point for point in entry_points(group="smartops")}
    loaded: tuple[str, ...] = ()
    if config is not None:
        from smartops.app import compose

        composition = compose(config, writes=False)
        loaded = composition.plugins.names
        offers, sources = _offers(composition), composition.plugins.sources
        for name in loaded:
            click.echo(
                "\n".join(_lines(name, composition, offers, installed.get(sources.get(name, name))))
            )
    for name in sorted(set(installed) - set(loaded)):
        state = "installed, not loaded" if config is not None else "installed"
        click.echo(f"{name}  {_origin(installed[name])}  ({state})")


def _offers(composition: Composition) -> dict[str, list[Offer]]:
    def commands() -> tuple[Command, ...]:
        return composition.commands

    plugins, services = composition.plugins, composition.services
    return {hook: plugins.collect(hook, services=services, commands=commands) for hook in _HOOKS}


def _lines(
    name: str, composition: Composition, offers: dict[str, list[Offer]], point: EntryPoint | None
) -> Iterator[str]:
    yield f"{name}  {_origin(point) if point else 'importable module'}"
    hooks = composition.plugins.hooks(name)
    for hook, title in _HOOKS.items():
        if hook in hooks:
            words = [_called(offer.value) for offer in offers[hook] if offer.owner == name]
            yield f"  {title}: {', '.join(words) or 'none'}"
    if "lifespan" in hooks:
        yield "  lifespan"
    model = composition.plugins.model(name)
    if model is not None:
        yield f"  settings: {', '.join(model.model_fields)}"


def _called(value: object) -> str:
    return str(getattr(value, "name", "") or getattr(value, "__name__", type(value).__name__))


def _origin(point: EntryPoint) -> str:
    package = point.dist
    return f"{package.name} {package.version}" if package else point.value
