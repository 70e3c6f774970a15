"""Every kind of reply as a card, on a page where the official renderer draws it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import ModuleType

import smartops_exec
import smartops_fake
import smartops_health
import smartops_instances
import smartops_teams.cards
from smartops import Call, Reply, command, hookimpl
from smartops.testing import Bot

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"

TYPED = (
    "help",
    "list instances",
    "show web-server-01",
    "check health",
    'execute "df -h" on web-server-01',
    'execute "systemctl status nginx" on tag:Role=web',
    "stop web-server-01",
    "stop",
    "stop orders-db-01",
    "sotp web-server-01",
    "hostile",
)

FLEET = (
    {"name": "web-server-01", "tags": {"Role": "web", "Environment": "production"}},
    {"name": "web-server-02", "tags": {"Role": "web", "Environment": "production"}},
    {"name": "web-server-03", "tags": {"Role": "web"}, "agent": "offline"},
    {"name": "orders-db-01", "tags": {"Role": "database"}},
    {"name": "batch-01", "state": "stopped"},
    {"name": "win-01", "platform": "windows"},
)

INCIDENTS = (
    {"instance": "orders-db-01", "metric": "cpu", "value": 96, "since": "40m"},
    {"instance": "web-server-02", "metric": "disk", "value": 86, "since": "2d"},
)


@command("hostile")
async def hostile(call: Call) -> str:
    """Say what must not become markup."""
    return "<img src=x> **bold** [link](https://evil.example) {{DATE(2026-01-01)}} \u202eabc"


def extra() -> ModuleType:
    """Return a plugin whose text is out for mischief."""
    module = ModuleType("mischief")
    module.register_commands = hookimpl(lambda: [hostile])  # type: ignore[attr-defined]
    return module


async def replies(folder: Path) -> list[tuple[str, Reply]]:
    """Say everything to a whole SmartOps, and return what it answers."""
    bot = Bot(folder)
    bot.asks = True
    bot.settings["rules"] = [
        {"name": "operators", "allow": {"roles": ["operator"]}},
        {
            "name": "hands-off-databases",
            "deny": {"commands": ["stop"], "tags": {"Role": ["database"]}},
        },
    ]
    bot.load(smartops_fake, name="fake", fleet=FLEET, incidents=INCIDENTS)
    bot.load(smartops_instances, name="instances", follow="0s")
    bot.load(smartops_health, name="health")
    scripts = [
        {"script": "df -h", "read_only": True},
        {"template": "systemctl status {unit}", "read_only": True},
    ]
    bot.load(smartops_exec, name="exec", scripts=scripts)
    bot.load(extra())
    await bot.app()
    answers = []
    for text in TYPED:
        task = asyncio.create_task(bot.say(text))
        while not task.done():
            bot.clock.advance(1)
            await asyncio.sleep(0.01)
        answers.append((text, task.result().reply))
    await bot.aclose()
    return answers


def page(cards: list[tuple[str, str]], theme: str) -> str:
    """Return a page that has the official renderer draw the cards."""
    script = (MODULES / "adaptivecards/dist/adaptivecards.min.js").read_text()
    markdown = (MODULES / "markdown-it/dist/browser/markdown-it.umd.min.js").read_text()
    template = (HERE / "page.html").read_text()
    data = json.dumps([[text, json.loads(card)] for text, card in cards]).replace("</", "<\\/")
    for name, value in (
        ("THEME", theme),
        ("MARKDOWN", markdown),
        ("RENDERER", script),
        ("CARDS", data),
    ):
        template = template.replace(f"/*{name}*/", value)
    return template


def write_pages(folder: Path) -> None:
    """Write ``cards-light.html`` and ``cards-dark.html`` into the folder."""
    answers = asyncio.run(replies(folder))
    cards = [(text, json.dumps(smartops_teams.cards.card(reply))) for text, reply in answers]
    for theme in ("light", "dark"):
        (folder / f"cards-{theme}.html").write_text(page(cards, theme))
