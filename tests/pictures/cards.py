"""Pictures of every kind of reply as a card, drawn by the official renderer, light and dark.

    cd tests/pictures && npm install && cd ../..
    python tests/pictures/cards.py pictures/

Writes ``light.png`` and ``dark.png`` into the folder, and fails if the renderer
reports anything. Needs Node's npm and a Chromium (``--chromium PATH`` where it
is not found). Not part of the tests: look at the pictures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
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

SAID = (
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
    bot.load(smartops_fake, fleet=FLEET, incidents=INCIDENTS)
    bot.load(smartops_instances)
    bot.load(smartops_health)
    scripts = [
        {"script": "df -h", "read_only": True},
        {"template": "systemctl status {unit}", "read_only": True},
    ]
    bot.load(smartops_exec, scripts=scripts)
    bot.load(extra())
    await bot.app()
    answers = []
    for text in SAID:
        said = asyncio.create_task(bot.say(text))
        while not said.done():
            bot.clock.advance(1)
            await asyncio.sleep(0.01)
        answers.append((text, said.result().reply))
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


def draw(html: Path, picture: Path, chromium: str) -> None:
    """Have Chromium take a picture of the page; raises SystemExit if the renderer complained."""
    with tempfile.TemporaryDirectory() as profile:
        base = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"]
        base += ["--no-first-run", "--disable-background-networking", "--disable-component-update"]
        base += ["--disable-sync", f"--user-data-dir={profile}", "--virtual-time-budget=5000"]
        shot = [*base, f"--screenshot={picture}", "--window-size=1500,2600", html.as_uri()]
        subprocess.run(shot, check=True, capture_output=True)
        dom = subprocess.run([*base, "--dump-dom", html.as_uri()], check=True, capture_output=True)
    complaints = list(_complaints(dom.stdout.decode()))
    if complaints:
        raise SystemExit("the renderer complains:\n" + "\n".join(complaints))


def _complaints(dom: str) -> Iterator[str]:
    for line in dom.split('<li class="complaint">')[1:]:
        yield line.partition("</li>")[0]


def main() -> None:
    """Draw both themes."""
    parser = argparse.ArgumentParser(description="Pictures of our cards.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--chromium", default=shutil.which("chromium") or "chromium")
    arguments = parser.parse_args()
    if not MODULES.exists():
        sys.exit("the renderer is missing: run 'npm install' in tests/pictures")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        answers = asyncio.run(replies(Path(folder)))
    cards = [(text, smartops_teams.cards.card(reply)) for text, reply in answers]
    for theme in ("light", "dark"):
        html = arguments.folder.absolute() / f"{theme}.html"
        html.write_text(page(cards, theme))
        draw(html, arguments.folder.absolute() / f"{theme}.png", arguments.chromium)
        print(arguments.folder / f"{theme}.png")


if __name__ == "__main__":
    main()
