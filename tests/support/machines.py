"""Instances to hand to a backend where only their id counts."""

from __future__ import annotations

from smartops import Instance


def machine(id: str, backend: str = "fake") -> Instance:
    return Instance(id, "", "t3.medium", "running", "linux", backend=backend)


def machines(*ids: str) -> list[Instance]:
    return [machine(each) for each in ids]
