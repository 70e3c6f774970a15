"""``smartops token``: issue and revoke tokens of the local issuer."""

from __future__ import annotations

import sys
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import DurationType, configured

if TYPE_CHECKING:
    from smartops.auth import LocalIssuer
    from smartops.config import Settings
    from smartops.message import Identity


@click.command(short_help="Issue or revoke a local token.")
@configured()
@click.option("--user", metavar="NAME", help="User the token is issued to.")
@click.option("--team", metavar="NAME", default="", help="Team whose rate limit applies.")
@click.option(
    "--act-for-others",
    is_flag=True,
    help="Allow impersonation: the bearer may set from.id to another user.",
)
@click.option(
    "--lifetime",
    type=DurationType(),
    metavar="DURATION",
    help="Lifetime of the token, such as 12h or 30d.",
)
@click.option(
    "--issuer", metavar="NAME", help="Issuer of the token, if there are several local ones."
)
@click.option(
    "--revoke",
    metavar="TOKEN",
    help="Revoke a token: the token itself, its id, or - to read it from standard input.",
)
@click.option("--new-key", is_flag=True, help="Add a signing key; the old ones stay valid.")
@click.option("--drop-old-keys", is_flag=True, help="Remove all signing keys but the newest.")
def token(
    *,
    config: Path,
    user: str | None,
    team: str,
    act_for_others: bool,
    lifetime: timedelta | None,
    issuer: str | None,
    revoke: str | None,
    new_key: bool,
    drop_old_keys: bool,
) -> None:
    """Issue or revoke a token of the local issuer, or change its signing keys.

    Prints only the token on standard output. Treat it like a password: its bearer
    can act as NAME.
    """
    import jwt

    from smartops.config import read
    from smartops.message import Identity

    if [user is not None, revoke is not None, new_key, drop_old_keys].count(True) != 1:
        raise click.UsageError("needs either --user or --revoke, --new-key or --drop-old-keys")
    settings = read(config).settings()
    if revoke is not None:
        from .revoke import revoke as revoke_token

        written = sys.stdin.readline() if revoke == "-" else revoke
        click.echo(f"smartops token: revoked {revoke_token(settings, written.strip())}", err=True)
        return
    chosen = _issuer(settings, issuer)
    if user is None:
        done = _change_keys(chosen, add=new_key)
        _note(settings, f"keys of the issuer {chosen.name}: {done}")
        click.echo(f"smartops token: {done}", err=True)
        return
    try:
        made = chosen.make_token(user, act_for_others=act_for_others, team=team, lifetime=lifetime)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    identity = Identity(chosen.name, "", user)
    claims = jwt.decode(made, options={"verify_signature": False})
    until = f"until {datetime.fromtimestamp(claims['exp'], UTC):%Y-%m-%d %H:%M} UTC"
    more = ", who may speak for others" if act_for_others else ""
    _note(settings, f"token {claims['jti']} made for {identity}{more}, {until}")
    click.echo(made)
    _remark(settings, identity)
    if sys.stdout.isatty():
        click.echo(f"id {claims['jti']}, for {identity}, {until}", err=True)


def _change_keys(issuer: LocalIssuer, *, add: bool) -> str:
    if add:
        return f"a new key signs from now on; older keys that stay valid: {issuer.add_key()}"
    return f"older keys removed: {issuer.drop_old_keys()}"


def _issuer(settings: Settings, name: str | None) -> LocalIssuer:
    from smartops.auth.trust import local_issuers
    from smartops.services import Clock

    names = [item.name for item in settings.auth.issuers if item.kind == "local"]
    if not names:
        raise click.UsageError(
            "the configuration has no local issuer; add {name: local, kind: local} to auth.issuers"
        )
    if name is None and len(names) > 1:
        raise click.UsageError(
            f"there are several local issuers; choose --issuer {names[0]} or {', '.join(names[1:])}"
        )
    if name is not None and name not in names:
        raise click.UsageError(f"there is no local issuer {name}; there is {', '.join(names)}")
    wanted = name or names[0]
    return next(item for item in local_issuers(settings, Clock()) if item.name == wanted)


def _note(settings: Settings, text: str) -> None:
    """Add an audit event; it is durable when this returns."""
    import anyio

    from smartops.services import Clock
    from smartops.store import AuditEvent, Store

    async def add() -> None:
        clock = Clock()
        async with aclosing(await Store.open(settings.store.url.reveal(), clock)) as store:
            store.add_audit_event(AuditEvent.of("token", clock.time(), text, place="cli"))
            await store.flush()

    anyio.run(add)


def _remark(settings: Settings, identity: Identity) -> None:
    """Print to standard error if the user has no roles."""
    from smartops.auth import People

    person = People(settings.people, settings.guests, settings.roles).person(identity)
    if person is None or not person.roles:
        click.echo(f"smartops token: {identity} has no roles yet; add it under people:", err=True)
