"""Pictures of what people see, light and dark, to be looked at.

    cd tests/browser && npm install && cd ../..
    python tests/browser/pictures.py pictures/

``cards-*.png`` are replies as cards, drawn by the official renderer of Adaptive
Cards; ``teams-*.png`` and ``slack-*.png`` are conversations on the pages of the
simulators. Fails if the renderer reports anything, or an answer does not come.
Needs Node's npm and a Chromium (``CHROMIUM=PATH`` where it is not found).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from cards import write_pages
from stage import chromium, node, stage


def main() -> None:
    """Take all pictures."""
    if len(sys.argv) != 2:
        sys.exit("usage: pictures.py FOLDER")
    chromium()
    folder = Path(sys.argv[1]).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as pages:
        write_pages(Path(pages))
        node("cards.mjs", PAGES=pages, FOLDER=str(folder))
    for platform in ("teams", "slack"):
        with tempfile.TemporaryDirectory() as there, stage(Path(there)) as where:
            node("pictures.mjs", PLATFORM=platform, FOLDER=str(folder), **where.urls)


if __name__ == "__main__":
    main()
