"""What needs a look at several places of the file at once.

Works on the tree, not on the settings, so that these problems are found even
while other values are wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .near import hint, near
from .settings import is_loopback
from .tree import Finding, Node, Pairs, Path, Scalar, child, find, place

RESERVED = frozenset({"console"})
"""Providers that SmartOps itself vouches for; no issuer may take their name."""


def check(root: Node) -> Iterator[Finding]:
    """Yield everything that does not fit together."""
    yield from _unknown_roles(root)
    yield from _cycles(root)
    yield from _repeated(root, "rules", "*", "name", what="a rule")
    yield from _repeated(root, "auth", "issuers", "*", "name", what="an issuer")
    yield from _repeated(root, "guests", "*", "provider", what="the provider")
    yield from _repeated(root, "people", "*", "identities", "*", what="the identity")
    yield from _reserved(root)
    yield from _providers(root)
    yield from _people(root)
    yield from _anonymous(root)


def _texts(root: Node, *pattern: str) -> Iterator[tuple[Path, Scalar]]:
    """Yield the usable values on a pattern."""
    for path, node in find(root, *pattern):
        if isinstance(node, Scalar) and node.text and not node.broken:
            yield path, node


def listed(root: Node, *pattern: str) -> Iterator[tuple[Path, Scalar]]:
    """Yield the usable values of the lists on a pattern; a lone value is a list of one."""
    yield from _texts(root, *pattern)
    yield from _texts(root, *pattern, "*")


def _names(root: Node, section: str) -> tuple[str, ...]:
    node = child(root, section)
    return tuple(node.values) if isinstance(node, Pairs) else ()


def _unknown_roles(root: Node) -> Iterator[Finding]:
    roles = _names(root, "roles")
    for pattern in (
        ("people", "*", "roles"),
        ("guests", "*", "roles"),
        ("roles", "*", "includes"),
        ("rules", "*", "allow", "roles"),
        ("rules", "*", "deny", "roles"),
    ):
        for path, node in listed(root, *pattern):
            if node.text not in roles:
                remedy = hint(node.text, roles, "the roles are") or "name it under roles:"
                yield Finding(node.mark, path, f"there is no role {shown(node)}", remedy)


def shown(node: Scalar) -> str:
    """Return a value as it may be shown."""
    return node.written if node.hidden else node.text


def _cycles(root: Node) -> Iterator[Finding]:
    includes: Mapping[str, list[str]] = {
        role: [node.text for _, node in listed(root, "roles", role, "includes")]
        for role in _names(root, "roles")
    }
    reported: set[str] = set()
    for role in includes:
        way = _way_back(role, includes)
        if way and not reported & set(way):
            reported |= set(way)
            path: Path = ("roles", role, "includes")
            yield Finding(place(root, path), path, f"a role contains itself: {' → '.join(way)}")


def _way_back(role: str, includes: Mapping[str, list[str]]) -> list[str]:
    """Return the way from a role to itself, or nothing."""
    ways = [[role]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        for name in includes.get(way[-1], ()):
            if name == role:
                return [*way, name]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


def _repeated(root: Node, *pattern: str, what: str) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for path, node in _texts(root, *pattern):
        if node.text in first:
            text = f"{what} {shown(node)} is given twice; first in line {first[node.text]}"
            yield Finding(node.mark, path, text)
        first.setdefault(node.text, node.mark.line)


def _reserved(root: Node) -> Iterator[Finding]:
    for path, node in _texts(root, "auth", "issuers", "*", "name"):
        if node.text in RESERVED:
            text = f"the name {node.text} belongs to SmartOps itself"
            yield Finding(node.mark, path, text, "choose another name")


def _providers(root: Node) -> Iterator[Finding]:
    """Find misspelt issuers. Channels may vouch for people too, so only a near miss is wrong."""
    issuers = [node.text for _, node in _texts(root, "auth", "issuers", "*", "name")]
    known = {*issuers, *RESERVED, *_names(root, "plugins")}
    named = [
        *_texts(root, "guests", "*", "provider"),
        *listed(root, "people", "*", "identities"),
    ]
    for path, node in named:
        provider = node.text.partition(":")[0]
        meant = near(provider, known) if provider not in known and not node.hidden else ""
        if meant:
            text = f"there is no issuer {provider}"
            yield Finding(node.mark, path, text, f"did you mean {meant}?")


def _people(root: Node) -> Iterator[Finding]:
    people = _names(root, "people")
    for verdict in ("allow", "deny"):
        for path, node in listed(root, "rules", "*", verdict, "people"):
            if node.text not in people and ":" not in node.text:
                text = f"there is nobody called {shown(node)} under people"
                remedy = hint(node.text, people, "the people are")
                yield Finding(node.mark, path, text, remedy)


def _anonymous(root: Node) -> Iterator[Finding]:
    hosts = [node.text for _, node in _texts(root, "server", "host")]
    for path, node in _texts(root, "auth", "anonymous"):
        if node.native() is True and hosts and not is_loopback(hosts[0]):
            yield Finding(
                place(root, path),
                path,
                "may only be true while server.host is a loopback address, such as 127.0.0.1",
            )
