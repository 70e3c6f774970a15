"""Instances, people and calls for tests that call a backend or a handler directly."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from smartops import Call, Identity, Instance, Message, Person
from smartops.channels import Place

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ALICE = Person("alice", frozenset({"operator"}), Identity("local", "", "alice"))
VIEWER = Person("bob", frozenset({"viewer"}), Identity("local", "", "bob"))


def machine(id: str, name: str = "", **more: Any) -> Instance:
    usual = {"type": "t3.medium", "state": "running", "platform": "linux"}
    usual |= {"private_ip": "10.0.1.45", "backend": "fake"}
    return Instance(id, name, **{**usual, **more})


def machines(*ids: str) -> list[Instance]:
    return [machine(each) for each in ids]


def call(command: str, arguments: Mapping[str, Any], person: Person = ALICE) -> Call:
    sent = Message("1", "api", "c1", person.identity, Place("api"), NOON, "r1")
    return Call(command, arguments, person, sent, command, "key-1")
