"""Dialogs, opened for one person in answer to something they did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .answers import Answer, Arguments, refusal
from .blocks import faults_of_view
from .tickets import Tickets
from .world import Dialog, World, made_id


@dataclass(slots=True)
class Views:
    """``dialogs`` are all that were ever opened."""

    world: World
    tickets: Tickets
    dialogs: list[Dialog] = field(default_factory=list)

    def open(self, arguments: Arguments) -> Answer:
        """Serve ``views.open``."""
        view: dict[str, Any] = arguments.get("view") or {}
        if faults := faults_of_view(view):
            return refusal("invalid_arguments", *faults)
        trigger = self.tickets.pulled(str(arguments.get("trigger_id", "")))
        if isinstance(trigger, str):
            return refusal(trigger)
        dialog = Dialog(made_id("V", str(len(self.dialogs))), view, trigger.user)
        self.dialogs.append(dialog)
        return {"view": {**view, "id": dialog.id, "team_id": self.world.team}}

    def answered(self, dialog: Dialog, answer: Answer) -> None:
        """Do what the app answered to a submitted dialog."""
        match answer.get("response_action", ""):
            case "errors":
                dialog.errors = dict(answer["errors"])
            case "update":
                dialog.view = answer["view"]
            case _:
                dialog.open = False
