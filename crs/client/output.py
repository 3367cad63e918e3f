"""Events as lines: sentences for people, or JSON for programs. The only file that prints text of others."""

import json
import sys
from typing import Any, TextIO

# Event -> sentence, with the members that the JSON form has.
EVENTS = {
    "attached": "attached to {host}, served by {worker}; {waiting} waiting",
    "lost": "no longer attached: {why}",
    "posted": "message {id} to {to} is stored",
    "message": "{peer}: {text}",
    "unreadable": "a message from {peer} cannot be read: {fault}",
    "delivered": "message {id} is delivered to {peer}",
    "expired": "message {id} to {peer} has expired unread",
    "calling": "calling {peer}",
    "incoming": "{peer} calls",
    "ringing": "it rings at {peer}",
    "talk": "talking with {peer}, set up in {setup_ms} ms",
    "heard": "{peer} is heard {heard_ms} ms after the call began",
    "media": "sent {sent} packets, received {received}, lost {lost}, jitter {jitter_ms} ms",
    "ended": "the call with {peer} is over: {reason} ({who})",
    "missed": "{peer} called while this client was busy",
    "failed": "{what}: {why}",
    "status": "{text}",
}


class Output:
    """Prints events on ``stream``, each at once."""

    def __init__(self, as_json: bool = False, stream: TextIO | None = None):
        self._as_json = as_json
        self._stream = stream or sys.stdout

    def tell(self, event: str, **members: Any) -> None:
        """Print one event of EVENTS with its members."""
        if self._as_json:
            line = json.dumps({"event": event, **members})
        else:
            line = EVENTS[event].format_map({name: _visible(value) for name, value in members.items()})
        print(line, file=self._stream, flush=True)


def _visible(value: object) -> str:
    """As text that can neither control a terminal nor look like an event: control characters are escaped, and further
    lines are indented."""
    return "".join(
        character
        if character.isprintable()
        else "\n    "
        if character == "\n"
        else character.encode("unicode_escape").decode()
        for character in str(value)
    )
