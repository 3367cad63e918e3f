"""The control protocol, version 1: one JSON object a line, request and answer (doc/relay.md, chapter Control).

The commands as typed structs, and the answer to a line; no sockets and no clocks. Bad input gets a clear error and
leaves the connection as it is; passwords are never logged.
"""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta, Struct

from crs import log

from .conversation import CommandRefused, ConversationTable
from .leg import Kind, Traffic

LOG = log.get("relay")
VERSION = 1
MAX_LINE = 65_536  # bytes of a request; a longer one ends the connection
PAGE = 500  # rows in one answer to list

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Fragment = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{4,256}$", description="ice-ufrag, RFC 8839 chapter 5.4")]
Password = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{22,256}$", description="ice-pwd, RFC 8839 chapter 5.4")]


class Head(Struct):
    """What every request carries; ``id`` comes back in the answer."""

    v: int
    op: str
    id: int | str | None = None


class Hello(Struct):
    client: Annotated[str, Meta(max_length=64)] = "?"


class Credentials(Struct):
    ufrag: Fragment
    pwd: Password


class Add(Struct):
    conversation: Name
    kind: Kind
    legs: list[Credentials]
    identifiers: list[Name] = []


class Remove(Struct):
    conversation: Name


class Poll(Struct):
    conversations: list[Name]


class List(Struct):
    after: int = 0


class Stats(Struct):
    pass


class Control:
    """Answers commands on ``table``. There is one in the process.

    ``addresses`` are where clients are to bind: (ip, port); ``wall_clock()`` gives ms since 1970-01-01 UTC.
    """

    def __init__(
        self,
        table: ConversationTable,
        instance: str,
        addresses: list[tuple[str, int]],
        wall_clock: Callable[[], int],
    ) -> None:
        self.table = table
        self.instance = instance  # differs after each start: then all conversations are gone
        self.addresses = addresses
        self.wall_clock = wall_clock
        self.started = wall_clock()

    def answer(self, line: bytes, commander: "Commander", now: int) -> bytes:
        """The answer to one request, as a line."""
        identity = None
        try:
            head = msgspec.json.decode(line, type=Head)
            identity = head.id
            if head.v != VERSION:
                return _refuse(identity, "version", f"this relay speaks version {VERSION}")
            if head.op not in COMMANDS:
                return _refuse(identity, "unknown-op", f"op is one of {', '.join(COMMANDS)}")
            command = COMMANDS[head.op]
            result = command.carry_out(self, msgspec.json.decode(line, type=command.params), commander, now)
            return _line({"v": VERSION, "id": identity, "ok": True, **result})
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return _refuse(identity, "bad-request", str(error))
        except CommandRefused as error:
            LOG.info(f"Command refused: {error}")
            return _refuse(identity, error.word, str(error))

    def _hello(self, hello: Hello, commander: "Commander", now: int) -> dict[str, Any]:
        commander.client = hello.client
        LOG.info(f"CONNECTION {commander.number} is {hello.client}")
        return {
            "version": VERSION,
            "started": self.started,
            "instance": self.instance,
            "addresses": [{"ip": ip, "port": port} for ip, port in self.addresses],
        }

    def _add(self, add: Add, commander: "Commander", now: int) -> dict[str, Any]:
        credentials = [(leg.ufrag, leg.pwd) for leg in add.legs]
        new = self.table.add(add.conversation, add.kind, credentials, add.identifiers, now)
        if new:
            LOG.info(f"Command add {add.conversation} {add.kind} by {commander.client}")
        return {}

    def _remove(self, remove: Remove, commander: "Commander", now: int) -> dict[str, Any]:
        known = self.table.remove(remove.conversation)
        if known:
            LOG.info(f"Command remove {remove.conversation} by {commander.client}")
        return {"removed": known}

    def _poll(self, poll: Poll, commander: "Commander", now: int) -> dict[str, Any]:
        unknown = self.table.poll(poll.conversations, now)
        LOG.info(f"Command poll of {len(poll.conversations)}, {len(unknown)} unknown, by {commander.client}")
        return {"unknown": unknown}

    def _list(self, page: List, commander: "Commander", now: int) -> dict[str, Any]:
        boot = self.wall_clock() - now
        found = list(self.table.conversations(page.after, PAGE))
        rows = [
            {
                "conversation": conversation.name,
                "type": conversation.kind,
                "nodes": conversation.nodes(),
                "last_active": boot + conversation.last_active(),
                "identifiers": conversation.identifiers,
            }
            for conversation in found
        ]
        return {"rows": rows, "next": found[-1].serial if len(found) == PAGE else None}

    def _stats(self, _: Stats, commander: "Commander", now: int) -> dict[str, Any]:
        return {"stats": statistics(self.table)}


class Command(NamedTuple):
    params: type[Struct]
    carry_out: Callable[[Control, Any, "Commander", int], dict[str, Any]]  # given params of that type


COMMANDS = {
    "hello": Command(Hello, Control._hello),
    "add": Command(Add, Control._add),
    "remove": Command(Remove, Control._remove),
    "poll": Command(Poll, Control._poll),
    "list": Command(List, Control._list),
    "stats": Command(Stats, Control._stats),
}


def statistics(table: ConversationTable) -> dict[str, dict[str, int]]:
    """The counters of ``show relay`` (manual, chapter 5.4) and ours, in sections, in the order they are shown."""
    traffic = table.traffic()
    sections = {
        kind.value: {"rx": counts.rx, "rxBytes": counts.rx_bytes, "tx": counts.tx, "txBytes": counts.tx_bytes}
        for kind, counts in traffic.items()
    }
    total, dropped = Traffic(), dict(table.dropped)
    for counts in traffic.values():
        total.add(counts)
    sections["Sent"] = {
        "packets": total.tx,
        "bytes": total.tx_bytes,
        "errorNoDest": total.no_destination,
        "error": total.failed,
    }
    sections["Received"] = {
        "packets": total.rx,
        "bytes": total.rx_bytes,
        "errorTooShort": dropped.pop("tooShort"),
        "errorTooLong": dropped.pop("tooLong"),
    }
    sections["Dropped"] = dropped
    sections["Bindings"] = {"answered": table.answered}
    return sections


class Commander:
    """One connection to the control socket: bytes that are not yet a line, and answers that are not yet sent."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.client = "?"
        self.unread = b""
        self.unsent = b""

    def feed(self, received: bytes, control: Control, now: int) -> bool:
        """Answer all lines that are complete. False if a line is too long: then the connection is to be closed."""
        *lines, self.unread = (self.unread + received).split(b"\n")
        if max(map(len, (self.unread, *lines))) > MAX_LINE:
            return False
        self.unsent += b"".join([control.answer(line, self, now) for line in lines if line.strip()])
        return True


def _refuse(identity: int | str | None, word: str, text: str) -> bytes:
    return _line({"v": VERSION, "id": identity, "ok": False, "error": word, "text": text})


def _line(answer: dict[str, Any]) -> bytes:
    return msgspec.json.encode(answer) + b"\n"
