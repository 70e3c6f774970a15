"""Configuration: YAML with line numbers, filled into typed settings, all problems at once.

::

    yaml        text → tree of scalars with their marks        (PyYAML's parser events)
    references  ${NAME}, ${NAME:-default}, ${file:PATH}
    reading     tree → plain data, led by the JSON schema of the model
    fill        data → model, pydantic's errors in words       (wording)
    checks      problems between sections; rules: problems that need the plugins to be found
    document    the file as a whole: the public interface
    schema      JSON schemas, for the reader and for editors
"""

from .document import Document, in_file_order, read
from .rules import uncovered
from .schema import json_schema
from .settings import Settings

__all__ = ["Document", "Settings", "in_file_order", "json_schema", "read", "uncovered"]
