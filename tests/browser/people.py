"""Two people use the pages of the simulated Teams and Slack in a real browser.

    cd tests/browser && npm install && cd ../..
    python tests/browser/people.py

They list, stop, confirm, fill in forms, press each other's buttons, and read the
answers in both themes and on a phone. Prints what they did, or what did not appear
in time. Needs what ``pictures.py`` needs.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from stage import chromium, node, stage


def main() -> None:
    """Run the script on both platforms."""
    chromium()
    for platform in ("teams", "slack"):
        with tempfile.TemporaryDirectory() as folder, stage(Path(folder)) as where:
            node("people.mjs", PLATFORM=platform, **where.urls)


if __name__ == "__main__":
    main()
