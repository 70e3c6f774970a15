"""The README and the pages of ``docs/``: their code is run, their facts are compared with it."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import botocore.session
import pytest
import yaml
from botocore import xform_name

import generate
import pages
import smartops_aws
import smartops_exec
import smartops_fake.faults
import smartops_health
import smartops_instances
from serving import ROOT, SMARTOPS, Server
from smartops import errors
from smartops.app import compose
from smartops.cli import root
from smartops.config import read
from smartops.errors import Refusal
from smartops.middleware import gate
from smartops.reply import Block
from smartops.testing import Bot, backends
from smartops_simulators.aws import AwsSimulator

ADDRESS = "127.0.0.1:3978"
LOOK_ALIKE = "127.0.0.1:4566"
INSTALL = "python3 -m venv .venv && .venv/bin/pip install -q -e"
SERVE = f"{INSTALL} '.[all]' && .venv/bin/smartops serve --config config/demo.yaml"
TEST = f"{INSTALL} '.[all,test]' && .venv/bin/pytest"
STATUS = {
    "can-i --config config/demo.yaml user123": 1,
    "config/broken.yaml": 2,
    "--user ada stop": 1,
    "--public-key auditor.pem": 1,
}
"""What does not end with 0: denials, a broken configuration, and a changed audit log."""

ARCHITECTURE = pages.DOCS / "architecture.md"
PRODUCTION = pages.DOCS / "how-to" / "production.md"
WRITING = pages.DOCS / "how-to" / "writing-a-plugin.md"
READMES = sorted((ROOT / "plugins").rglob("README.md"))
LINKING = [*pages.PAGES, *READMES, *(ROOT / "examples").rglob("*.md")]
TRANSCRIPTS = [page for page in pages.PAGES if pages.steps(page)]
SECRETS = {
    "COLLECTOR_TOKEN": "d",
    "PGPASSWORD": "a",
    "REDIS_PASSWORD": "b",
    "TEAMS_SECRET": "c",
    "PROMETHEUS_TOKEN": "d",
    "GITHUB_WEBHOOK_SECRET": "e",
    "SLACK_BOT_TOKEN": "xoxb-1",
    "SLACK_SIGNING_SECRET": "0" * 32,
}


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of ``smartops aws simulate``, which the page about AWS starts."""
    command = [*SMARTOPS, "aws", "simulate", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = process.stdout.readline() + process.stdout.readline()
        (found,) = re.findall(r"http://(\S+)", printed)
        yield found
        process.kill()


@pytest.fixture(scope="module")
def server(cloud: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The demo, served from a copy in which the commands of the pages work as they stand."""
    home = tmp_path_factory.mktemp("clone")
    for name in ("config", "examples"):
        shutil.copytree(
            ROOT / name, home / name, ignore=shutil.ignore_patterns(".*", "__*", "*.db*")
        )
    (home / ".venv" / "bin").mkdir(parents=True)
    program(home, "smartops", "-m smartops")
    into = "--no-deps --no-build-isolation --disable-pip-version-check --target .site"
    program(home, "pip", "-m pip", into)
    for block in pages.blocks("yaml"):
        if block.file:
            (home / block.file).write_text(f"# {block.file}\n{block.text}")
    local = home / "config" / "aws-local.yaml"
    local.write_text(local.read_text().replace(LOOK_ALIKE, cloud))
    server = Server(home / "config" / "demo.yaml").start()
    yield server
    server.stop(signal.SIGKILL)


def program(home: Path, name: str, module: str, options: str = "") -> None:
    path = home / ".venv" / "bin" / name
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@" {options}\n')
    path.chmod(0o755)


def address(server: Server) -> str:
    return server.url.removeprefix("http://")


def test_the_two_commands() -> None:
    shell = [line for block in pages.blocks("sh") for line in block.text.splitlines()]
    assert shell == [SERVE, TEST]
    (pattern,) = re.findall(r"grep .* '(.*)' README", (ROOT / ".ci" / "run").read_text())
    readme = pages.README.read_text().splitlines()
    assert [line for line in readme if re.search(pattern, line)] == [TEST]
    assert len(readme) <= 250


@pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "curl"))), reason="the commands need bash and curl"
)
@pytest.mark.parametrize("page", TRANSCRIPTS, ids=page_id)
def test_every_command_prints_what_is_shown(server: Server, page: Path) -> None:
    steps = pages.steps(page)
    home = server.config.parent.parent
    script = "exec 2>&1\n"
    for step in steps:
        command = step.command.replace(ADDRESS, address(server))
        if step.typed:
            command += f" <<'END OF INPUT'\n{step.typed}END OF INPUT"
        script += f"{command}\nprintf '\\036%s\\036' $?\n"
    environment = {**os.environ, "PYTHONPATH": str(home / ".site")}
    run = subprocess.run(
        ["bash", "-c", script],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    printed = run.stdout.replace(address(server), ADDRESS).split("\036")
    assert len(printed) == 2 * len(steps) + 1
    for step, output, status in zip(steps, printed[::2], printed[1::2], strict=False):
        assert pages.matches(step.printed, output), f"$ {step.command}\n{output}"
        expected = next((STATUS[name] for name in STATUS if name in step.command), 0)
        assert int(status) == expected, step.command


def test_the_commands_for_aws_are_those_of_its_own_command() -> None:
    sdk = botocore.session.Session()
    commands = [line for block in pages.blocks("bash") for line in pages.lines(block.text)]
    asked = [words for words in map(shlex.split, commands) if words[0] == "aws"]
    assert len(asked) >= 10
    for _, service, verb, *rest in asked:
        model = sdk.get_service_model(service)
        operations = {xform_name(name, "-"): name for name in model.operation_names}
        shape = model.operation_model(operations[verb]).input_shape
        members = {f"--{xform_name(name, '-')}": name for name in shape.members}
        given = dict(zip(rest[::2], rest[1::2], strict=True))
        assert set(given) <= set(members), verb
        assert set(shape.required_members) <= {members[option] for option in given}, verb


@pytest.mark.anyio
async def test_the_configuration_for_aws_works_within_the_policy_shown(bot: Bot) -> None:
    (text,) = [block.text for block in pages.blocks("yaml") if block.file == "config/aws.yaml"]
    plugins = yaml.safe_load(text)["plugins"]
    with AwsSimulator(account_of(plugins["aws"]), clock=bot.clock) as simulator:
        bot.load(smartops_aws, **plugins["aws"], endpoint=simulator.url)
        bot.load(smartops_instances, follow="0s")
        bot.load(smartops_health)
        bot.load(smartops_exec, **plugins["exec"])
        for line in ("list instances", "check health", "tag web-1 Team=shop", "stop web-1"):
            answer = await bot.say(line)
            if answer.status == "pending":
                answer = await bot.press(answer.action("confirm"))
            assert answer.status == "success", answer.text
        bot.clock.advance(120)
        await bot.press((await bot.say("start web-1")).action("confirm"))
        bot.clock.advance(120)
        for line in ('execute "df -h" on web-1', 'execute "systemctl restart nginx" on web-1'):
            async with bot.clock.running():
                answer = await bot.say(line)
                if answer.status == "pending":
                    answer = await bot.press(answer.action("confirm"))
            assert answer.data["exitCode"] == 0, answer.text
        for line in ('execute "rm -r /" on web-1', 'execute "systemctl restart sshd" on web-1'):
            assert (await bot.say(line)).code in ("PERMISSION_DENIED", "VALIDATION_ERROR")
        called = simulator.calls.actions
    steps = pages.steps(pages.DOCS / "how-to" / "aws.md")
    shown = "".join(step.printed for step in steps if "aws policy" in step.command)
    assert {"ec2:StartInstances", "ssm:SendCommand", "ce:GetCostAndUsage"} <= called
    assert called - {"sts:AssumeRole"} <= set(re.findall(r'"([a-z0-9]+:[A-Z]\w+)"', shown))


def account_of(section: dict[str, Any]) -> dict[str, Any]:
    """Return the accounts of the section ``aws`` of the page, with one machine."""
    (account,) = section["accounts"]
    number, (region,) = account["role"].split(":")[4], account["regions"]
    role = {"external_id": account["external_id"], "accounts": [number]}
    machine = {"name": "web-1", "tags": {"smartops": "managed"}}
    regions = {region: {"instances": [machine]}}
    return {
        "accounts": {number: {"regions": regions, "roles": {"smartops": role}}},
        "documents": [
            {
                "name": item["name"],
                "script": item["script"],
                "parameters": {
                    name: {"pattern": f"^({pattern})$"}
                    for name, pattern in item.get("parameters", {}).items()
                },
            }
            for item in section["runner"]["documents"]
        ],
        "outputs": [{"script": "^systemctl restart nginx$"}],
    }


def test_the_client_works_as_shown(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOKEN", server.token("user789"))
    (block,) = [block for block in pages.blocks("python") if not block.file]
    exec(block.text.replace(ADDRESS, address(server)), {})
    total, stopping, refusal = capsys.readouterr().out.splitlines()
    assert total.startswith("{'total': 15, ")
    assert "is stopped after" in stopping
    assert refusal.startswith("PERMISSION_DENIED ")


def test_the_log_line_is_as_shown(server: Server) -> None:
    server.say(server.token("user123"), "stop orders-db-01")
    (block,) = pages.blocks("log")
    end = time.monotonic() + 20
    while log_form(block.text) not in map(log_form, server.log.read_text().splitlines()):
        assert time.monotonic() < end, server.log.read_text()
        time.sleep(0.05)  # another process writes it, after it has answered


def log_form(line: str) -> str:
    """Return a line of the log with its moment, its reference and its duration made alike."""
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
    return re.sub(rf"^{moment}|(?<=request_id=)\w+|(?<=ms=)[\d.]+", "…", line.strip())


def test_every_file_is_as_shown() -> None:
    for block in pages.blocks("python"):
        if (ROOT / block.file).is_file():
            assert block.text == (ROOT / block.file).read_text(), block.file
    project = tomllib.loads((ROOT / "examples/smartops-uptime/pyproject.toml").read_text())
    ((group, points),) = project["project"]["entry-points"].items()
    ((name, module),) = points.items()
    shown = f'`{name} = "{module}"` under `[project.entry-points.{group}]`'
    assert shown in " ".join(WRITING.read_text().split())


@pytest.mark.anyio
async def test_the_plugins_work_as_shown(
    bot: Bot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    names = []
    for block in pages.blocks("python"):
        if block.file and not (ROOT / block.file).is_file():
            (tmp_path / block.file).write_text(block.text)
            names.append(Path(block.file).stem)
    modules = {name: importlib.import_module(name) for name in names}
    for name in names:
        monkeypatch.delitem(sys.modules, name)
    await modules["test_smartops_drain"].test_drain(bot)
    assert "drain web-1,web-2 --grace 2m" in (await bot.say("operations")).text
    for name in ("freeze", "restore", "paging"):
        other = Bot(tmp_path / name)
        other.folder.mkdir()
        await getattr(modules[f"test_smartops_{name}"], f"test_{name}")(other)
        await other.aclose()


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables that configurations refer to."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("block", [b for b in pages.blocks("yaml") if not b.file])
def test_every_configuration_is_valid(block: pages.Block, secrets: None, tmp_path: Path) -> None:
    file = tmp_path / "smartops.yaml"
    file.write_text(block.text)
    compose(file)  # or it raises with all that is wrong


@pytest.mark.parametrize("readme", READMES, ids=page_id)
def test_every_section_in_a_readme_is_valid(readme: Path, secrets: None, tmp_path: Path) -> None:
    file = tmp_path / "smartops.yaml"
    for block in pages.blocks("yaml", readme):
        file.write_text(block.text)
        document = read(file)
        for name in document.plugins():
            plugin = importlib.import_module(f"smartops_{name}")
            document.plugin(name, plugin.config_type())  # or it raises with all that is wrong


@pytest.mark.parametrize("page", generate.pages(), ids=page_id)
def test_the_reference_is_generated_from_the_code(page: Path) -> None:
    assert page.read_text() == generate.pages()[page], "run: python docs/generate.py"


def test_the_error_codes() -> None:
    kinds = [
        kind
        for module in (errors, smartops_fake.faults)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Refusal) and kind is not Refusal
    ]
    shown = {
        pages.words(row[0])[0]: int(row[1]) for row in pages.table("reference/errors.md", "code")
    }
    assert shown == {kind.code: kind.status for kind in kinds}


def test_the_blocks() -> None:
    shown = [pages.words(row[0])[0] for row in pages.table("how-to/writing-a-plugin.md", "block")]
    assert shown == [kind.__name__ for kind in get_args(Block)]


def test_the_contract_suites() -> None:
    shown = {pages.words(row[0])[0] for row in pages.table("how-to/testing.md", "suite")}
    assert shown == {*backends.__all__, "ChannelContract", "RunsTextContract"} - {"OnManualClock"}


def test_the_rooms_and_their_order() -> None:
    shown = [name for row in pages.table("architecture.md", "room") for name in pages.words(row[0])]
    assert sorted(shown) == sorted(
        path.stem
        for path in (ROOT / "smartops").iterdir()
        if not path.name.startswith("_")
        and (path.suffix == ".py" or (path / "__init__.py").exists())
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    level = {name: depth for depth, layer in enumerate(layers) for name in layer.split(" | ")}
    depths = [level[name] for name in shown if name in level]
    assert depths == sorted(depths)


def test_the_commands_of_the_command_line() -> None:
    (row,) = (row for row in pages.table("architecture.md", "room") if row[0] == "`cli`")
    assert pages.words(row[1]) == list(root.commands)


def test_the_steps_of_the_gate() -> None:
    (diagram,) = re.findall(
        r"^```\n(POST .*?)^```$", ARCHITECTURE.read_text(), re.DOTALL | re.MULTILINE
    )
    shown = re.findall(r"^ {24}(\w+) ", diagram, re.MULTILINE)
    source = inspect.getsource(gate.Gate)
    assert len(shown) == 7
    assert [name for name in shown if not re.search(rf"\b{name}\(", source)] == []


def test_the_extras() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (listed,) = re.findall(r"The extras are (.*?)everything\.", PRODUCTION.read_text(), re.DOTALL)
    assert set(pages.words(listed)) <= set(project["optional-dependencies"])


@pytest.mark.parametrize("page", LINKING, ids=page_id)
def test_every_link_has_a_target(page: Path) -> None:
    assert pages.broken_links(page) == []


def test_the_index_lists_every_page() -> None:
    linked = re.findall(r"\]\(([^)#]+)\)", (pages.DOCS / "index.md").read_text())
    listed = {(pages.DOCS / target).resolve() for target in linked}
    assert {*pages.PAGES, *READMES} - listed == {pages.DOCS / "index.md"}
