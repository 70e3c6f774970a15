"""The grammar of commands: one declaration, from which everything else follows.

Parsing, canonical text, help, suggestions, completion and the JSON schema all
come from the phrases and the signature of a command. A text is cut into
:mod:`tokens <smartops.grammar.tokens>`, its first words find the forms it may
have in the :mod:`index <smartops.grammar.index>`, these are
:mod:`matched <smartops.grammar.match>`, the most literal first, and its words
become typed :mod:`values <smartops.grammar.bind>`. The index is built at start:
a message costs the same with one command as with a thousand.
"""

from .bind import Reference
from .errors import MissingArguments, NotPermitted, ParseError, UnknownCommand
from .parse import Grammar, Parsed
from .schema import arguments_schema, dump_arguments, load_arguments, read_arguments
from .write import incomplete

__all__ = [
    "Grammar",
    "MissingArguments",
    "NotPermitted",
    "ParseError",
    "Parsed",
    "Reference",
    "UnknownCommand",
    "arguments_schema",
    "dump_arguments",
    "incomplete",
    "load_arguments",
    "read_arguments",
]
