"""Checks that compare several places of the file.

They use the tree, not the settings, so that these problems are found even while
other values are wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from smartops.addresses import is_loopback
from smartops.nearness import hint, nearest

from .tree import Finding, Node, Path, Tree, child, keys, listed, texts

RESERVED = frozenset({"console"})
"""Providers of identities that SmartOps itself authenticates; reserved names of issuers."""


def check(tree: Tree) -> Iterator[Finding]:
    """Yield unknown names, duplicates, cycles and other contradictions."""
    root = tree.root
    yield from _unknown_roles(root)
    yield from _cycles(tree)
    yield from _repeated(root, "rules", "*", "name", what="a rule")
    yield from _repeated(root, "approvals", "*", "name", what="a rule")
    yield from _repeated(root, "schedules", "*", "name", what="a schedule")
    yield from _repeated(root, "routes", "*", "name", what="a route")
    yield from _repeated(root, "auth", "issuers", "*", "name", what="an issuer")
    yield from _repeated(root, "guests", "*", "provider", what="the provider")
    yield from _repeated(root, "people", "*", "identities", "*", what="the identity")
    yield from _providers(root)
    yield from _people(root)
    yield from _anonymous(tree)


def _unknown_roles(root: Node) -> Iterator[Finding]:
    roles = keys(child(root, "roles"))
    for pattern in (
        ("people", "*", "roles"),
        ("guests", "*", "roles"),
        ("auth", "issuers", "*", "roles", "values", "*"),
        ("roles", "*", "includes"),
        ("rules", "*", "allow", "roles"),
        ("rules", "*", "deny", "roles"),
        ("approvals", "*", "for", "roles"),
        ("approvals", "*", "for", "roles_requested"),
        ("approvals", "*", "from", "roles"),
        ("emergency", "roles"),
    ):
        for path, node in listed(root, *pattern):
            if node.text not in roles:
                remedy = hint(node.text, roles, "the roles are") or "name it under roles:"
                yield Finding(node.mark, path, f"there is no role {node.shown}", remedy)


def _cycles(tree: Tree) -> Iterator[Finding]:
    includes = {
        role: [node.text for _, node in listed(tree.root, "roles", role, "includes")]
        for role in keys(child(tree.root, "roles"))
    }
    try:
        TopologicalSorter(includes).prepare()
    except CycleError as error:
        cycle = error.args[1][:0:-1]
        start = cycle.index(next(role for role in includes if role in cycle))
        roles = [*cycle[start:], *cycle[: start + 1]]
        path: Path = ("roles", roles[0], "includes")
        yield Finding(tree.place(path), path, f"a role contains itself: {' → '.join(roles)}")


def _repeated(root: Node, *pattern: str, what: str) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for path, node in texts(root, *pattern):
        if node.text in first:
            text = f"{what} {node.shown} is given twice; first in line {first[node.text]}"
            yield Finding(node.mark, path, text)
        first.setdefault(node.text, node.mark.line)


def _providers(root: Node) -> Iterator[Finding]:
    """Find issuers with reserved names, and misspelt ones.

    Channels authenticate people too, so an unknown provider is wrong only if it is a near miss.
    """
    issuers = list(texts(root, "auth", "issuers", "*", "name"))
    for path, node in issuers:
        if node.text in RESERVED:
            text = f"the name {node.text} belongs to SmartOps itself"
            yield Finding(node.mark, path, text, "choose another name")
    known = {node.text for _, node in issuers} | RESERVED | {*keys(child(root, "plugins"))}
    for path, node in (
        *texts(root, "guests", "*", "provider"),
        *listed(root, "people", "*", "identities"),
    ):
        provider = node.text.partition(":")[0]
        meant = nearest(provider, known) if provider not in known and not node.hidden else ""
        if meant:
            text = f"there is no issuer {provider}"
            yield Finding(node.mark, path, text, f"did you mean {meant}?")


def _people(root: Node) -> Iterator[Finding]:
    people = keys(child(root, "people"))
    for pattern in (
        ("rules", "*", "allow"),
        ("rules", "*", "deny"),
        ("approvals", "*", "for"),
        ("approvals", "*", "from"),
    ):
        for path, node in listed(root, *pattern, "people"):
            if node.text not in people and ":" not in node.text:
                text = f"there is no person called {node.shown} under people"
                yield Finding(node.mark, path, text, hint(node.text, people, "the people are"))


def _anonymous(tree: Tree) -> Iterator[Finding]:
    hosts = [node.text for _, node in texts(tree.root, "server", "host")]
    for path, node in texts(tree.root, "auth", "anonymous"):
        if node.native() is True and hosts and not is_loopback(hosts[0]):
            text = "may only be true while server.host is a loopback address, such as 127.0.0.1"
            yield Finding(tree.place(path), path, text)
