"""SmartOps' own commands.

They concern only the person who asks, so everybody with a role may use them
unless a rule denies it. Only ``audit`` shows what others did: it needs a rule that names it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from smartops.command import Call, Command, command
from smartops.grammar import NotPermitted
from smartops.jsonable import timestamp
from smartops.middleware.access import CORE, forbidden, may_ever, refused_by_guards
from smartops.middleware.demands import approval_in_help
from smartops.middleware.steps import Parts
from smartops.reply import Fields, Reply, Text

from .approvals import approvals, approve, cancel, deny, withdraw_command
from .audit import audit, when
from .operations import history, operations, show_operation, undo
from .permission import may_i


@command("help [{about...}]", examples=("help", "help list instances"))
async def help_command(call: Call, core: Parts, about: str = "") -> Reply:
    """Show what you may run here, or explain one command.

    Without an argument it lists every command that you may run in this
    place. With the name of a command it shows how that is written.
    """

    def permitted(item: Command) -> bool:
        return may_ever(core.policy, call.person, item, call.message.place)

    refused: dict[str, str] = {}
    for item in core.grammar.commands if core.guards else ():
        if permitted(item) and (reason := await refused_by_guards(core, call, item)):
            refused[item.name] = reason
    name = about.strip()
    name = "" if name.casefold() == "me" else name
    try:
        answer = core.grammar.help(permitted, name or None, refused)
    except NotPermitted as error:
        place = call.message.place
        raise forbidden(core.policy, call.person, error.forbidden, place) from None
    view = answer.view
    if (shown := answer.data.get("command")) and (
        who := approval_in_help(core, call, shown["name"])
    ):
        view = (*view, Text(f"It may need the approval of others: {who}."))
    return replace(answer, view=view, private=True)  # it is what this one person may run


@command("whoami")
async def whoami(call: Call, core: Parts) -> Reply:
    """Show your identity and roles."""
    message, person = call.message, call.person
    pairs = [
        ("Person", person.name),
        ("Roles", ", ".join(sorted(person.roles))),
        ("Identity", str(person.identity)),
        ("Place", str(message.place)),
    ]
    held = core.grants.of(person.name, core.clock.time())
    pairs += [("For a time", f"{role} until {when(until)} UTC") for role, until in held]
    if message.claimed:
        pairs.append(("Claimed, not proven", message.claimed))
    data = {
        "person": person.name,
        "roles": sorted(person.roles),
        "identity": str(person.identity),
        "place": str(message.place),
        "rolesUntil": {role: timestamp(datetime.fromtimestamp(until, UTC)) for role, until in held},
    }
    return Reply.of(Fields(tuple(pairs)), data=data, private=True)


@command("can-i {text...}", "can i {text...}", examples=("can-i stop web-server-01",))
async def can_i(call: Call, core: Parts, text: str) -> Reply:
    """Say whether you may run a command here, by which rule, and whether it asks you to confirm.

    Nothing is run or planned.
    """
    return await may_i(core, call, text)


CORE_COMMANDS: tuple[Command, ...] = tuple(
    item.owned(CORE)
    for item in (
        help_command,
        whoami,
        can_i,
        approvals,
        approve,
        deny,
        withdraw_command,
        cancel,
        history,
        audit,
        operations,
        show_operation,
        undo,
    )
)
"""The commands, owned by the core."""
