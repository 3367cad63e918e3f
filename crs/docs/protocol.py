"""The machine-readable description of the client protocol (OpenRPC 1.3), made from the structs that validate it.

``python -m crs.docs.protocol > doc/protocol.json``; a test compares the file with what this makes.
"""

import inspect
import json
from typing import Any

import msgspec

from .. import errors
from ..handlers import COMMANDS
from ..wire import vocabulary

ERRORS = [
    error
    for error in vars(errors).values()
    if isinstance(error, type)
    and issubclass(error, errors.RpcError)
    and error not in (errors.RpcError, errors.ClientFault, errors.WorldFault)
]


def description() -> dict[str, Any]:
    """The whole protocol as one OpenRPC document; notifications stand in ``x-notifications``."""
    types = [command.params for command in COMMANDS.values()] + [command.result for command in COMMANDS.values()]
    types += list(vocabulary.NOTIFICATIONS.values())
    unique = list(dict.fromkeys(types))
    references, components = msgspec.json.schema_components(unique, ref_template="#/components/schemas/{name}")
    for schema in components.values():
        if "description" in schema:  # a docstring, whose indentation only some versions of Python take out
            schema["description"] = inspect.cleandoc(schema["description"])
    reference = dict(zip(unique, references, strict=True))
    return {
        "openrpc": "1.3.2",
        "info": {"title": "CRS client protocol", "version": vocabulary.SUBPROTOCOL},
        "methods": [
            {
                "name": name,
                "summary": command.summary,
                "paramStructure": "by-name",
                "params": [{"name": "params", "schema": reference[command.params]}],
                "result": {"name": "result", "schema": reference[command.result]},
                "x-states": sorted(command.states),
                "x-users": sorted(command.kinds),
            }
            for name, command in COMMANDS.items()
        ],
        "x-notifications": [
            {"name": name, "params": reference[struct]} for name, struct in vocabulary.NOTIFICATIONS.items()
        ],
        "components": {
            "schemas": components,
            "errors": {
                error.error: {
                    "code": error.code,
                    "message": (error.__doc__ or error.error).split("\n")[0],
                    "data": {"error": error.error, "retry": error.retry},
                }
                for error in ERRORS
            },
        },
    }


if __name__ == "__main__":
    print(json.dumps(description(), indent=1))
