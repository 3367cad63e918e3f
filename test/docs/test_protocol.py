"""The machine-readable description is the one that the structs make."""

import json
from pathlib import Path

from crs.docs.protocol import description
from crs.handlers import COMMANDS
from crs.wire.vocabulary import NOTIFICATIONS

DOC = Path(__file__).parents[2] / "doc"


def test_the_file_is_what_the_structs_make():
    assert json.loads((DOC / "protocol.json").read_text()) == json.loads(json.dumps(description()))


def test_the_page_for_people_names_every_method_and_notification():
    page = (DOC / "protocol.md").read_text()
    for name in [*COMMANDS, *NOTIFICATIONS]:
        assert name in page, name


def test_every_handler_is_headed_by_its_wire_syntax():
    for name, command in COMMANDS.items():
        assert (command.handler.__doc__ or "").startswith(name), name
