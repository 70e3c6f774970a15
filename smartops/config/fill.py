"""Fill a model from a part of the tree, and report every problem."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from smartops.nearness import hint

from .reading import Reading
from .references import FOLDER
from .schema import schema_of
from .tree import Finding, Node, Path, Scalar, Tree, child, scalars
from .wording import authored, wording, words_of

_Model = TypeVar("_Model", bound=BaseModel)
_Error = Mapping[str, Any]


def fill(
    model: type[_Model],
    tree: Tree,
    path: Path,
    folder: FilePath,
    findings: list[Finding],
) -> _Model | None:
    """Return ``model`` filled from ``path``, or None and all problems in ``findings``."""
    schema = schema_of(model)
    reading = Reading(tree, folder, schema)
    node = child(tree.root, *path)
    data = reading.data({} if node is None else node, path, schema)
    errors: list[_Error] = []
    filled = None
    try:
        filled = model.model_validate(data, context={FOLDER: folder})
    except ValidationError as error:
        errors = [dict(item) for item in error.errors(include_url=False, include_input=False)]
    findings += reading.findings
    findings += _findings(errors, reading, path, tree)
    return None if errors or reading.findings or reading.spoilt else filled


def _findings(errors: list[_Error], reading: Reading, prefix: Path, tree: Tree) -> list[Finding]:
    """Return pydantic's errors, one finding for each place, without those reported already."""
    places: dict[Path, list[_Error]] = defaultdict(list)
    for error in errors:
        path = _path(tree.root, prefix, error)
        if not _is_consequence(path, error, reading.spoilt):
            places[path].append(error)
    return [
        _finding(path, found, reading, tree)
        for path, found in places.items()
        if not _is_shallow(path, found, places)
    ]


def _path(root: Node, prefix: Path, error: _Error) -> Path:
    """Return the path of an error; pydantic's locations also name the branches of unions."""
    path, node = prefix, child(root, *prefix)
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


def _is_consequence(path: Path, error: _Error, spoilt: Iterable[Path]) -> bool:
    """Whether an error may be the consequence of one that is reported already."""
    about_a_whole = authored(error) or error["type"] in ("smartops", "too_short")
    return any(
        path[: len(known)] == known or (about_a_whole and known[: len(path)] == path)
        for known in spoilt
    )


def _is_shallow(path: Path, found: list[_Error], places: Iterable[Path]) -> bool:
    """Whether these errors only follow from errors further in.

    Examples are the other branches of a union, or a list of wrong items that is too short.
    """
    deeper = any(len(other) > len(path) and other[: len(path)] == path for other in places)
    return deeper and all(error["type"].endswith(("_type", "too_short")) for error in found)


def _finding(path: Path, found: list[_Error], reading: Reading, tree: Tree) -> Finding:
    node = child(tree.root, *path)
    text = _joined([_text(error, path, tree.root, reading) for error in found])
    words = [word for error in found for word in words_of(error)]
    meant = ""
    if isinstance(node, Scalar) and words and path not in reading.secrets and not node.hidden:
        meant = hint(node.text, words)
    return Finding(tree.place(path), path, text, meant)


def _text(error: _Error, path: Path, root: Node, reading: Reading) -> str:
    """Return the text of an error, without the words of a model's author if they show a secret."""
    text, node = wording(error), child(root, *path)
    if not authored(error) or node is None:
        return text
    if path in reading.secrets or (isinstance(node, Scalar) and node.hidden):
        return "is not accepted"
    hidden = {part for value in scalars(node) for part in value.hidden}
    within = [child(root, *at) for at in reading.secrets if at[: len(path)] == path]
    hidden |= {inner.text for inner in within if isinstance(inner, Scalar)}
    return "is not accepted" if any(part and part in text for part in hidden) else text


def _joined(texts: list[str]) -> str:
    """Join several errors of one value: it must be this or that."""
    unique = list(dict.fromkeys(texts))
    if len(unique) > 1 and all(text.startswith("must be ") for text in unique):
        return " or ".join((unique[0], *(text.removeprefix("must be ") for text in unique[1:])))
    return unique[0]
