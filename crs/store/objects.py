"""What is kept for a client beside its mailbox: its token, what it told of itself, push tokens, its own storage,
which crypto updates it has taken, whether it was observed.

Tokens, updates and stored values are opaque here.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from ..errors import Conflict, QuotaExceeded
from ..names import Client
from . import schema
from .commands import Commands, pairs

MAX_TYPES = 64  # types that one client may store


class Token(NamedTuple):
    """A client token as the client stored it."""

    value: str
    updated: int  # ms


class Info(msgspec.Struct, frozen=True):
    """What a client told of itself (manual, chapter 5, show client-info); what it did not tell is empty or None."""

    time: int  # ms, when it told
    client_time: int  # ms, the client's clock at that moment
    scan_time: int | None  # ms, when the client scanned its QR code
    os: str
    os_version: str
    version: str  # of the client's software


class PushTokens(msgspec.Struct, frozen=True):
    """What reaches a device that is asleep."""

    device_id: str
    type: str  # of the device: primary, secondary
    client_type: str  # of the software: ios, ...
    created: int  # ms by the client's clock, when its system gave them out
    saved: int  # ms, when they were stored here
    tokens: dict[str, str]  # by purpose, such as alert and voip


class Blob(NamedTuple):
    """One stored value."""

    id: str  # of the put that stored it
    updated: int  # ms
    value: str


class BlobEntry(NamedTuple):
    """A stored value without the value, as ``show client-storage`` has it."""

    client: Client
    bytes: int  # of the value
    updated: int  # ms
    type: str


_info = msgspec.json.Decoder(Info).decode
_push = msgspec.json.Decoder(PushTokens).decode


class Objects:
    """Every method raises Unavailable unless Redis has confirmed it."""

    def __init__(self, low: Commands):
        self._low = low

    def put_token(self, client: Client, value: str, now: int) -> None:
        """Store the client token in the place of the token before."""
        self._low.call("HSET", schema.token(client), "value", value, "updated", now)

    def token(self, client: Client) -> Token | None:
        """The client token; None where the client never stored one."""
        value, updated = self._low.call("HMGET", schema.token(client), "value", "updated")
        return None if value is None else Token(value.decode(), int(updated))

    # --- client info ------------------------------------------------------------------------------------------------

    def put_info(self, client: Client, info: Info) -> None:
        """Store what the client told of itself in the place of what it told before."""
        self._low.call("SET", schema.info(client), msgspec.json.encode(info))

    def info(self, client: Client) -> Info | None:
        """What the client told of itself; None where it never did."""
        text = self._low.call("GET", schema.info(client))
        return None if text is None else _info(text)

    def all_info(self, account: str) -> Iterator[tuple[Client, Info]]:
        """Every client of an account that told of itself, with what it told; in the order of the clients."""
        for key, text in self._low.each_client(schema.info(Client("*", account)), lambda key: ("GET", key)):
            if text is not None:
                yield schema.client_of(key), _info(text)

    def delete_info(self, client: Client) -> bool:
        """Returns whether there was any."""
        return bool(self._low.call("DEL", schema.info(client)))

    # --- push tokens ------------------------------------------------------------------------------------------------

    def put_push_tokens(self, client: Client, tokens: PushTokens) -> None:
        """Store a device's tokens in the place of those before. There is one primary: those of another primary go."""
        self._low.script("push", (schema.push(client),), (tokens.device_id, tokens.type, msgspec.json.encode(tokens)))

    def push_tokens(self, client: Client) -> list[PushTokens]:
        """Of all devices, the primary first."""
        stored = map(_push, self._low.call("HVALS", schema.push(client)))
        return sorted(stored, key=lambda tokens: (tokens.type, tokens.device_id))

    def forget_push_tokens(self, client: Client, device: str) -> bool:
        """Returns whether the device had any."""
        return bool(self._low.call("HDEL", schema.push(client), device))

    # --- storage ----------------------------------------------------------------------------------------------------

    def put_blob(
        self, client: Client, type: str, id: str, value: str, now: int, max_bytes: int, replaces: str | None = None
    ) -> int:
        """Store a value; returns when it was stored (ms), for a second try under the same ``id`` when the first was.

        ``replaces``: the id of the value that must be there ("" for none; None: whatever is there). Raises Conflict
        where another value is, QuotaExceeded beyond ``max_bytes`` in all or MAX_TYPES types.
        """
        code, told = self._low.script(
            "storage",
            (schema.storage(client),),
            (type, id, value, now, max_bytes, MAX_TYPES, 0 if replaces is None else 1, replaces or ""),
        )
        if code == 0:
            raise Conflict(f"another value of type {type} is stored", id=told.decode())
        if code == -1:
            raise QuotaExceeded(f"that would be {told} bytes, of {max_bytes}")
        if code == -2:
            raise QuotaExceeded(f"a client stores at most {MAX_TYPES} types")
        return int(told)

    def blob(self, client: Client, type: str) -> Blob | None:
        """The value under a type; None where there is none."""
        record = self._low.call("HGET", schema.storage(client), type)
        return None if record is None else _blob(record)

    def delete_blob(self, client: Client, type: str) -> bool:
        """Returns whether there was a value."""
        return bool(self._low.call("HDEL", schema.storage(client), type))

    def blobs(self, client: Client) -> dict[str, tuple[Blob, int]]:
        """By type: each stored value, and the bytes that it takes of the quota."""
        flat = self._low.call("HGETALL", schema.storage(client))
        return {type.decode(): (_blob(record), len(type) + len(record)) for type, record in pairs(flat)}

    def storage(self, account: str) -> Iterator[BlobEntry]:
        """Everything that the clients of an account store, in the order of the clients and types."""
        for key, flat in self._low.each_client(
            schema.storage(Client("*", account)), lambda key: self._low.evalsha("stored", (key,))
        ):
            client = schema.client_of(key)
            for type, updated, size in sorted(zip(flat[::3], flat[1::3], flat[2::3], strict=True)):
                yield BlobEntry(client, size, int(updated), type.decode())

    def each_token(self) -> Iterator[tuple[Client, str, str]]:
        """Every token that is held: whose, what it is, the token. In no order, and some may come twice."""
        everyone = Client("*", "*")
        for key, value in self._low.each(schema.tagged("token", everyone), lambda key: ("HGET", key, "value")):
            if value is not None:
                yield schema.client_of(key), "client token", value.decode()
        for key, values in self._low.each(schema.tagged("push", everyone), lambda key: ("HVALS", key)):
            for tokens in map(_push, values):
                for purpose, token in tokens.tokens.items():
                    yield schema.client_of(key), f"push token ({purpose}) of device {tokens.device_id}", token

    # --- crypto updates, observed clients ---------------------------------------------------------------------------

    def confirm(self, client: Client, month: str, now: int) -> None:
        """Note that the client has taken its crypto update of ``month``."""
        self._low.call("HSET", schema.confirmed(client), month, now)

    def confirmed(self, client: Client) -> dict[str, int]:
        """The months whose crypto update the client has taken, and when (ms)."""
        flat = self._low.call("HGETALL", schema.confirmed(client))
        return {month.decode(): int(time) for month, time in pairs(flat)}

    def observe(self, client: Client) -> None:
        """Note that a client, though not listed, registered with a good key."""
        self._low.call("SADD", schema.observed(client.account), client.uri)

    def observed(self, clients: Iterable[Client]) -> list[bool]:
        """Which of these were observed."""
        answers = self._low.all([("SISMEMBER", schema.observed(client.account), client.uri) for client in clients])
        return [answer == 1 for answer in answers]

    def all_observed(self, account: str) -> set[str]:
        """The URIs of the observed clients of an account."""
        return {uri.decode() for uri in self._low.call("SMEMBERS", schema.observed(account))}

    def forget_observed(self, account: str) -> int:
        """Forget the observed clients of an account; returns how many there were."""
        count, _ = self._low.all((("SCARD", schema.observed(account)), ("UNLINK", schema.observed(account))))
        return int(count)


def _blob(record: bytes) -> Blob:
    head, _, value = record.partition(b"\n")
    updated, _, id = head.decode().partition(" ")
    return Blob(id, int(updated), value.decode())
