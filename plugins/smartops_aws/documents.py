"""Command documents of SSM: which one runs a script, and their content as SSM takes it.

Parameters reach the script as environment variables, so that no value can
become a part of it. Agents that do not know that yet find the value pasted in,
but only if its pattern makes it harmless.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from smartops import PermissionDenied

from .config import DocumentConfig, RunnerConfig
from .template import PLACEHOLDER, WORD

Platform = Literal["linux", "windows"]

RAW: Mapping[Platform, str] = {
    "linux": "AWS-RunShellScript",
    "windows": "AWS-RunPowerShellScript",
}
"""The documents of AWS that run any text, as root."""

RAW_TIMEOUT = "executionTimeout"
_PLUGINS: Mapping[Platform, str] = {
    "linux": "aws:runShellScript",
    "windows": "aws:runPowerShellScript",
}
_NAMES: Mapping[Platform, str] = {"linux": "Linux", "windows": "Windows"}
_USUAL = 3600


@dataclass(frozen=True, slots=True)
class Order:
    """What SendCommand is given: a document and its parameters, each a list of texts."""

    document: str
    parameters: Mapping[str, Sequence[str]]


class Documents:
    """The documents that may be used."""

    def __init__(self, config: RunnerConfig) -> None:
        self._raw = config.raw_scripts
        self._named = [(item, item.compiled) for item in config.documents]

    def order(self, script: str, platform: Platform, limit: timedelta) -> Order:
        """Return what runs a script on a platform, for at most ``limit``.

        Raises PermissionDenied if no document stands for it and raw scripts are not allowed.
        """
        seconds = str(max(1, round(limit.total_seconds())))
        for document, template in self._named:
            values = template.match(script) if platform in document.platforms else None
            if values is not None:
                return _order(document, values, seconds)
        if not self._raw:
            raise PermissionDenied(
                "No Command document is configured for this script",
                details=f"plugins.aws.runner.documents has none for {platform}, "
                "and raw_scripts is false",
            )
        return Order(RAW[platform], {"commands": [script], RAW_TIMEOUT: [seconds]})


def _order(document: DocumentConfig, values: Mapping[str, str], seconds: str) -> Order:
    parameters = {name: [value] for name, value in values.items()}
    if document.timeout_parameter:
        parameters[document.timeout_parameter] = [seconds]
    return Order(document.name, parameters)


def content(document: DocumentConfig) -> Mapping[str, Any]:
    """Return the content of a document, schema 2.2."""
    template = document.compiled
    parameters: dict[str, Any] = {
        name: {
            "type": "String",
            "description": f"{name} in: {document.script.strip()}",
            "allowedPattern": f"^(?:{pattern})$",
            "interpolationType": "ENV_VAR",
        }
        for name, pattern in template.patterns.items()
    }
    if document.timeout_parameter:
        parameters[document.timeout_parameter] = {
            "type": "String",
            "description": "Seconds after which it is stopped",
            "default": str(_USUAL),
            "allowedPattern": "^[1-9][0-9]{0,5}$",
        }
    return {
        "schemaVersion": "2.2",
        "description": f"SmartOps: {document.script.strip()}",
        "parameters": parameters,
        "mainSteps": list(_steps(document)),
    }


def _steps(document: DocumentConfig) -> Iterator[Mapping[str, Any]]:
    for platform in document.platforms:
        timeout = document.timeout_parameter
        yield {
            "precondition": {"StringEquals": ["platformType", _NAMES[platform]]},
            "action": _PLUGINS[platform],
            "name": f"run{_NAMES[platform]}",
            "inputs": {
                "timeoutSeconds": f"{{{{ {timeout} }}}}" if timeout else str(_USUAL),
                "runCommand": list(_lines(document, platform)),
            },
        }


def _lines(document: DocumentConfig, platform: Platform) -> Iterator[str]:
    """Write the script with variables, which older agents have to be given first."""
    for name, pattern in document.compiled.patterns.items():
        if pattern != WORD:
            continue
        variable = f"SSM_{name}"
        if platform == "linux":
            yield f"if [ -z \"${{{variable}+x}}\" ]; then {variable}='{{{{ {name} }}}}'; fi"
        else:
            yield (
                f"if (-not (Test-Path env:{variable})) {{ $env:{variable} = '{{{{ {name} }}}}' }}"
            )
    quoted = r'"${SSM_\1}"' if platform == "linux" else r'"$env:SSM_\1"'
    yield from PLACEHOLDER.sub(quoted, document.script.strip()).splitlines()
