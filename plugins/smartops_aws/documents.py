"""Which Command document runs a script, and with which parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from smartops import PermissionDenied

from .config import DocumentConfig, RunnerConfig

Platform = Literal["linux", "windows"]

RAW: Mapping[Platform, str] = {
    "linux": "AWS-RunShellScript",
    "windows": "AWS-RunPowerShellScript",
}
"""The documents of AWS that run any text, as root."""

RAW_TIMEOUT = "executionTimeout"


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
                "No Command document stands for this script",
                details=f"plugins.aws.runner.documents has none for {platform}, "
                "and raw_scripts is false",
            )
        return Order(RAW[platform], {"commands": [script], RAW_TIMEOUT: [seconds]})


def _order(document: DocumentConfig, values: Mapping[str, str], seconds: str) -> Order:
    parameters = {name: [value] for name, value in values.items()}
    if document.timeout_parameter:
        parameters[document.timeout_parameter] = [seconds]
    return Order(document.name, parameters)
