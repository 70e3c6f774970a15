"""Command documents as the configuration describes them, ready to be created in SSM.

Parameters reach the script as environment variables, so that no value can
become a part of it. Agents that do not know that yet find the value pasted in,
but only where its pattern keeps it harmless.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .config import DocumentConfig
from .documents import Platform
from .template import PLACEHOLDER, WORD

_PLUGINS: Mapping[Platform, str] = {
    "linux": "aws:runShellScript",
    "windows": "aws:runPowerShellScript",
}
_NAMES: Mapping[Platform, str] = {"linux": "Linux", "windows": "Windows"}
_LONGEST = 172_800
_USUAL = 3600


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
