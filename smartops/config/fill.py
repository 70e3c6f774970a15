"""Fill a model from a part of the tree, and say everything that is wrong with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from .data import Reading
from .folder import FOLDER
from .near import hint
from .shape import Shape
from .tree import Finding, Node, Path, Scalar, child, place, scalars
from .wording import authored, wording, words_of

_Model = TypeVar("_Model", bound=BaseModel)
_Error = Mapping[str, Any]


def fill(
    model: type[_Model],
    node: Node,
    path: Path,
    *,
    root: Node,
    context: Mapping[str, Any],
    findings: list[Finding],
    shape: Shape | None = None,
) -> _Model | None:
    """Return ``model`` filled from ``node``, or None once everything wrong is in ``findings``.

    ``path`` leads from ``root`` to ``node``; ``shape`` says what may stand there
    if that is not the model alone.
    """
    reading = Reading(root, context[FOLDER])
    data = reading.data(node, shape or Shape(models=(model,)), path)
    errors: list[_Error] = []
    filled = None
    try:
        filled = model.model_validate(data, context=dict(context))
    except ValidationError as error:
        errors = [dict(item) for item in error.errors(include_url=False, include_input=False)]
    findings += reading.findings
    findings += _findings(errors, reading, path, root)
    return None if errors or reading.findings or reading.spoilt else filled


def _findings(errors: list[_Error], reading: Reading, prefix: Path, root: Node) -> list[Finding]:
    """Return what pydantic found, one finding a place, without what is said already."""
    places: dict[Path, list[_Error]] = defaultdict(list)
    for error in errors:
        path = _path(root, prefix, error)
        if not _said(path, error, reading.spoilt):
            places[path].append(error)
    return [
        _finding(path, found, reading, root)
        for path, found in places.items()
        if not _shallow(path, found, places)
    ]


def _path(root: Node, prefix: Path, error: _Error) -> Path:
    """Return where an error lies; pydantic's locations also name the branches of unions."""
    node: Node | None = root
    for part in prefix:
        node = child(node, part)
    path = prefix
    location = error["loc"]
    for index, part in enumerate(location):
        inner = child(node, part)
        if inner is not None:
            path, node = (*path, part), inner
        elif error["type"] == "missing" and index == len(location) - 1:
            path = (*path, part)
    if error["type"] in ("union_tag_not_found", "union_tag_invalid"):
        path = (*path, str(error["ctx"]["discriminator"]).strip("'"))
    return path


def _said(path: Path, error: _Error, spoilt: Iterable[Path]) -> bool:
    """Whether an error is, or may be, the consequence of something that is reported anyway."""
    for known in spoilt:
        if path[: len(known)] == known:
            return True
        if known[: len(path)] == path and _about_a_whole(error):
            return True
    return False


def _about_a_whole(error: _Error) -> bool:
    return authored(error) or error["type"] in ("smartops", "too_short")


def _shallow(path: Path, found: list[_Error], places: Iterable[Path]) -> bool:
    """Whether these say only what follows from errors further in.

    That is that other branches of a union were not meant, or that a list of
    wrong items is too short.
    """
    deeper = any(len(other) > len(path) and other[: len(path)] == path for other in places)
    return deeper and all(error["type"].endswith(("_type", "too_short")) for error in found)


def _finding(path: Path, found: list[_Error], reading: Reading, root: Node) -> Finding:
    node: Node | None = root
    for part in path:
        node = child(node, part)
    text = _joined([_text(error, path, node, reading) for error in found])
    words = [word for error in found for word in words_of(error)]
    meant = ""
    if isinstance(node, Scalar) and words and path not in reading.secrets and not node.hidden:
        meant = hint(node.text, words, "")
        meant = meant if meant.startswith("did you mean") else ""
    return Finding(place(root, path), path, text, meant)


def _text(error: _Error, path: Path, node: Node | None, reading: Reading) -> str:
    text = wording(error)
    if not authored(error) or node is None:
        return text
    if path in reading.secrets or (isinstance(node, Scalar) and node.hidden):
        return "is not accepted"
    hidden = {part for value in scalars(node) for part in value.hidden}
    hidden |= {
        inner.text
        for at in reading.secrets
        if at[: len(path)] == path and isinstance(inner := _at(node, at[len(path) :]), Scalar)
    }
    return "is not accepted" if any(part and part in text for part in hidden) else text


def _at(node: Node | None, path: Path) -> Node | None:
    for part in path:
        node = child(node, part)
    return node


def _joined(texts: list[str]) -> str:
    """Return several verdicts on one value as one: it must be this or that."""
    unique = list(dict.fromkeys(texts))
    if len(unique) > 1 and all(text.startswith("must be ") for text in unique):
        rest = [text.removeprefix("must be ") for text in unique[1:]]
        return " or ".join((unique[0], *rest))
    return unique[0]
