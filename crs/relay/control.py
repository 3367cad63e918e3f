"""The control protocol, version 1: one JSON object a line, request and answer (doc/relay.md, chapter Control).

Lives here: the commands as typed structs, and the answer to a line. Never here: sockets, and what a command means to
a leg (``conversation``). Bad input gets a clear error and leaves the connection as it is; passwords are never logged.
"""

import time
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from crs import log

from .conversation import Refused, Table
from .leg import Kind

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
    """Answers commands on ``table``. One for the process; ``addresses`` are where clients are to bind: (ip, port)."""

    def __init__(self, table: Table, instance: str, addresses: list[tuple[str, int]], started: int):
        self.table = table
        self.instance = instance  # differs after each start: then all conversations are gone
        self.addresses = addresses
        self.started = started  # ms since 1970-01-01 UTC

    def answer(self, line: bytes, link: "Link", now: int) -> bytes:
        """The answer to one request, as a line."""
        identity = None
        try:
            head = msgspec.json.decode(line, type=Head)
            identity = head.id
            if head.v != VERSION:
                return _refuse(identity, "version", f"this relay speaks version {VERSION}")
            if head.op not in COMMANDS:
                return _refuse(identity, "unknown-op", f"op is one of {', '.join(COMMANDS)}")
            params, carry_out = COMMANDS[head.op]
            result = carry_out(self, msgspec.json.decode(line, type=params), link, now)
            return _line({"v": VERSION, "id": identity, "ok": True, **result})
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return _refuse(identity, "bad-request", str(error))
        except Refused as error:
            LOG.info(f"Command refused: {error}")
            return _refuse(identity, error.word, str(error))

    def _hello(self, hello: Hello, link: "Link", now: int) -> dict:
        link.client = hello.client
        LOG.info(f"CONNECTION {link.number} is {hello.client}")
        return {
            "version": VERSION,
            "started": self.started,
            "instance": self.instance,
            "addresses": [{"ip": ip, "port": port} for ip, port in self.addresses],
        }

    def _add(self, add: Add, link: "Link", now: int) -> dict:
        credentials = [(leg.ufrag, leg.pwd) for leg in add.legs]
        new = self.table.add(add.conversation, add.kind, credentials, add.identifiers, now)
        if new:
            LOG.info(f"Command add {add.conversation} {add.kind} by {link.client}")
        return {}

    def _remove(self, remove: Remove, link: "Link", now: int) -> dict:
        known = self.table.remove(remove.conversation)
        if known:
            LOG.info(f"Command remove {remove.conversation} by {link.client}")
        return {"removed": known}

    def _poll(self, poll: Poll, link: "Link", now: int) -> dict:
        unknown = self.table.poll(poll.conversations, now)
        LOG.info(f"Command poll of {len(poll.conversations)}, {len(unknown)} unknown, by {link.client}")
        return {"unknown": unknown}

    def _list(self, page: List, link: "Link", now: int) -> dict:
        boot = int(time.time() * 1000) - now
        found = list(self.table.conversations(page.after, PAGE))
        rows = [
            {
                "conversation": one.name,
                "type": one.kind,
                "nodes": one.nodes(),
                "last_active": boot + one.last_active(),
                "identifiers": one.identifiers,
            }
            for one in found
        ]
        return {"rows": rows, "next": found[-1].serial if len(found) == PAGE else None}

    def _stats(self, _: Stats, link: "Link", now: int) -> dict:
        return {"stats": statistics(self.table)}


COMMANDS = {
    "hello": (Hello, Control._hello),
    "add": (Add, Control._add),
    "remove": (Remove, Control._remove),
    "poll": (Poll, Control._poll),
    "list": (List, Control._list),
    "stats": (Stats, Control._stats),
}


def statistics(table: Table) -> dict[str, dict[str, int]]:
    """The counters of ``show relay`` (manual, chapter 5.4) and ours, in sections, in the order they are shown."""
    traffic = {kind: one.total() for kind, one in table.traffic.items()}
    sections = {
        kind.value: {"rx": one.rx, "rxBytes": one.rx_bytes, "tx": one.tx, "txBytes": one.tx_bytes}
        for kind, one in traffic.items()
    }
    every, dropped = traffic.values(), dict(table.dropped)
    sections["Sent"] = {
        "packets": sum(one.tx for one in every),
        "bytes": sum(one.tx_bytes for one in every),
        "errorNoDest": sum(one.no_destination for one in every),
        "error": sum(one.failed for one in every),
    }
    sections["Received"] = {
        "packets": sum(one.rx for one in every),
        "bytes": sum(one.rx_bytes for one in every),
        "errorTooShort": dropped.pop("tooShort"),
        "errorTooLong": dropped.pop("tooLong"),
    }
    sections["Dropped"] = dropped
    sections["Bindings"] = {"answered": table.answered}
    return sections


class Link:
    """One connection of a commander: bytes that are not yet a line, and answers that are not yet sent."""

    def __init__(self, number: int):
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


def _refuse(identity, word: str, text: str) -> bytes:
    return _line({"v": VERSION, "id": identity, "ok": False, "error": word, "text": text})


def _line(answer: dict) -> bytes:
    return msgspec.json.encode(answer) + b"\n"
