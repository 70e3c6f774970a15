"""``smartops token``: issue and revoke tokens of the local issuer."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import DurationType, configured

if TYPE_CHECKING:
    from smartops.auth import LocalIssuer
    from smartops.config import Settings


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
    from smartops.config import read

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
        click.echo(f"smartops token: {_change_keys(chosen, add=new_key)}", err=True)
        return
    try:
        made = chosen.make_token(user, act_for_others=act_for_others, team=team, lifetime=lifetime)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    click.echo(made)
    _remark(settings, chosen.name, user, made)


def _change_keys(issuer: LocalIssuer, *, add: bool) -> str:
    if add:
        return f"a new key signs from now on; older keys that stay valid: {issuer.add_key()}"
    return f"older keys removed: {issuer.drop_old_keys()}"


def _issuer(settings: Settings, name: str | None) -> LocalIssuer:
    from smartops.app.trust import local_issuers
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


def _remark(settings: Settings, provider: str, user: str, made: str) -> None:
    """Print to standard error whether the user has roles; at a terminal, also id and expiry."""
    from smartops.auth import People
    from smartops.message import Identity

    identity = Identity(provider, "", user)
    person = People(settings.people, settings.guests, settings.roles).person(identity)
    if person is None or not person.roles:
        click.echo(f"smartops token: {identity} has no roles yet; add it under people:", err=True)
    if sys.stdout.isatty():
        import jwt

        claims = jwt.decode(made, options={"verify_signature": False})
        until = datetime.fromtimestamp(claims["exp"], UTC)
        click.echo(
            f"id {claims['jti']}, for {identity}, until {until:%Y-%m-%d %H:%M} UTC", err=True
        )
