"""The vocabulary of the client protocol ``crs.v1``: every parameter, result and notification as a typed struct.

This file is the validator (msgspec), and the source of the machine-readable description (``crs.docs.protocol``). Which
method takes which struct stands in ``handlers/__init__``.
All times are milliseconds since 1970-01-01 UTC. Opaque bodies are text that the CRS neither reads nor changes.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

SUBPROTOCOL = "crs.v1"

MAX_BODY = 65_536  # characters in an opaque body
MAX_REQUEST = 262_144  # bytes in one WebSocket message from a client
MAX_BATCH = 50  # requests in one JSON-RPC batch
MAX_PARTS = 1024  # parts of an update file that a remote admin sends

# In Python ``$`` also matches before a last line feed; ``(?!\n)`` makes it the end there too, as it is in JSON Schema.
Id = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,64}$(?!\n)", description="chosen by the client; unique per sender")
]
DeviceId = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9._-]{1,32}$(?!\n)", description="stays the same for an installation")
]
Uri = Annotated[str, Meta(min_length=1, max_length=228, description="E.164 number or urn:x-crs:client:<name>")]
Account = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,20}$(?!\n)", description="account id of a security domain")]
Body = Annotated[str, Meta(max_length=MAX_BODY, description="opaque to the CRS, end-to-end encrypted")]
Month = Annotated[str, Meta(pattern=r"^20[0-9]{2}(0[1-9]|1[0-2])$(?!\n)", description="yyyymm")]
SessionId = Annotated[str, Meta(min_length=1, max_length=80)]
Ref = Annotated[str, Meta(min_length=1, max_length=200, description="names one item of a mailbox")]
RoomNumber = Annotated[str, Meta(pattern=r"^[0-9]{6}$(?!\n)", description="number of a conference room")]
Kind = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,32}$(?!\n)")]
Label = Annotated[str, Meta(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$", description="shown to the operator")]
Time = Annotated[int, Meta(ge=0, description="milliseconds since 1970-01-01 UTC")]
Software = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[ -~]+$(?!\n)")]


class Params(Struct, forbid_unknown_fields=True, gc=False):
    """Base of what a client sends: an unknown member is an error, so that a typing mistake is told."""


class Result(Struct, omit_defaults=True, gc=False):
    """Base of what the CRS sends: a client must ignore members that it does not know."""


class Nothing(Params):
    """No parameters."""


class Done(Result):
    """Nothing to say but that it is done."""


# --- register -------------------------------------------------------------------------------------------------------


class Register(Params):
    """Announce this device; from here on it is reached."""

    device_id: DeviceId
    version: Software
    type: Literal["primary", "secondary"] = "primary"
    deliver: Annotated[
        bool, Meta(description="message.arrived with the message, where that can be, instead of message.waiting")
    ] = False


class KeepAlive(Result):
    """How the CRS watches an idle connection; the client pings more often than ``interval``."""

    method: Literal["ws", "tcp"]
    interval: Annotated[int, Meta(description="milliseconds of silence before the CRS itself pings")]


class Leg(Result):
    """One side of one relayed stream: what a client binds with (RFC 8489), and where."""

    stream: int
    kind: Literal["rtp", "opaque"]
    ufrag: str
    pwd: str
    candidates: list["Candidate"]


class Candidate(Result):
    """One relay address. Native clients bind to all of them."""

    ip: str
    port: int


class Stream(Params):
    """One relayed stream of a call: ``rtp`` (SRTP and RTCP in one flow) or ``opaque`` (any datagrams)."""

    kind: Literal["rtp", "opaque"] = "rtp"
    media: Literal["audio", "video", "data"] = "audio"


class StreamInfo(Result, omit_defaults=False):
    """A stream as the other side hears of it."""

    kind: str
    media: str


class SessionState(Result):
    """A call as it stands, for one of its parties."""

    session: str
    role: Literal["caller", "callee"]
    uri: str
    account: str
    state: str
    seq: int
    created: Time
    streams: list[StreamInfo]
    legs: list[Leg]
    offer: str = ""
    answer: str = ""
    device_id: str = ""
    group: str = ""


class UpdateState(Result, omit_defaults=False):
    """A crypto update that the CRS holds for this client."""

    month: str
    confirmed: bool


class Registered(Result, omit_defaults=False):
    uri: str
    account: str
    host: str
    worker: str
    connection: str
    time: Time
    keep_alive: KeepAlive
    waiting: Annotated[int, Meta(description="items in this device's mailbox")]
    sessions: list[SessionState]
    updates: list[UpdateState]


# --- session --------------------------------------------------------------------------------------------------------


class Invite(Params):
    """Call ``to``. A retry with the same ``id`` answers with the same call."""

    id: Id
    to: Uri
    body: Body = ""
    account: Account | UnsetType = UNSET
    streams: Annotated[list[Stream], Meta(min_length=1, max_length=4)] = msgspec.field(
        default_factory=lambda: [Stream()]
    )
    group: Id | UnsetType = UNSET


class Invited(Result, omit_defaults=False):
    session: str
    state: str
    seq: int
    legs: list[Leg]


class SessionOnly(Params):
    session: SessionId


class Accept(Params):
    session: SessionId
    body: Body = ""


class Hangup(Params):
    session: SessionId
    reason: Literal["normal", "busy", "declined", "cancelled", "error"] = "normal"


class Change(Params):
    """Offer, answer or refuse a change of media during a call. ``streams`` (offer only) is the new whole list:
    it may only grow."""

    session: SessionId
    id: Id
    kind: Literal["offer", "answer", "reject"]
    body: Body = ""
    streams: Annotated[list[Stream], Meta(min_length=1, max_length=4)] | UnsetType = UNSET


class Sequenced(Result, omit_defaults=False):
    session: str
    state: str
    seq: int


class Relayed(Result, omit_defaults=False):
    session: str
    seq: int
    legs: list[Leg]


class SessionList(Result, omit_defaults=False):
    sessions: list[SessionState]


# --- message --------------------------------------------------------------------------------------------------------


class Post(Params):
    """Leave a message in the mailbox of ``to``. A retry with the same ``id`` is answered, not stored again."""

    id: Id
    to: Uri
    body: Body
    account: Account | UnsetType = UNSET
    kind: Literal["content", "system"] = "content"
    expires: (
        Annotated[
            int,
            Meta(
                ge=60, le=7_776_000, description="seconds to live; default and upper bound: message-expiry of the host"
            ),
        ]
        | UnsetType
    ) = UNSET
    ack: Annotated[list[Ref], Meta(max_length=100, description="items to acknowledge with it, as by message.ack")] = []


class Posted(Result, omit_defaults=False):
    id: str
    account: str
    time: Time


class Fetch(Params):
    """Read from the own mailbox, in order, items with ``seq`` greater than ``after``. They stay until acknowledged."""

    after: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class Item(Result, omit_defaults=False):
    """One item of a mailbox. ``kind`` ack and expired report on the own message ``id`` to ``uri``; the others are
    messages from ``uri``."""

    ref: str
    seq: int
    kind: Literal["content", "system", "ack", "expired"]
    uri: str
    account: str
    id: str
    time: Time
    body: str


class Fetched(Result, omit_defaults=False):
    messages: list[Item]
    more: bool


class Ack(Params):
    """Acknowledge items by ``ref``; unknown ones (acknowledged before) do no harm."""

    refs: Annotated[list[Ref], Meta(min_length=1, max_length=100)]


class Acked(Result, omit_defaults=False):
    acked: int


# --- object, crypto update ------------------------------------------------------------------------------------------


class PutObject(Params):
    """Store an object of the own client where others may look it up. ``client-token``: the month's signed keys."""

    type: Literal["client-token"]
    value: Annotated[str, Meta(min_length=1, max_length=8192)]


class LookupObject(Params):
    uri: Uri
    account: Account | UnsetType = UNSET


class FoundObject(Result, omit_defaults=False):
    uri: str
    account: str
    client_token: str | None
    domain_token: str
    updated: Time | None


class MonthOnly(Params):
    month: Month


class UpdateBody(Result, omit_defaults=False):
    month: str
    body: str


class UpdateList(Result, omit_defaults=False):
    updates: list[UpdateState]


# --- client info, push tokens, storage ------------------------------------------------------------------------------


class PutInfo(Params):
    """What the operator sees of this client. ``client_time`` is the client's clock as it sends this."""

    client_time: Time
    os: Label
    os_version: Label
    scan_time: Annotated[Time, Meta(description="when the QR code was scanned")] | UnsetType = UNSET


class PutPushTokens(Params):
    """How this device is woken while it is asleep. ``created``: when its system gave the tokens out."""

    client_type: Kind
    created: Time
    tokens: Annotated[
        dict[Kind, Annotated[str, Meta(min_length=1, max_length=4096)]],
        Meta(min_length=1, max_length=8, description="by purpose, such as alert and voip"),
    ]


class PutBlob(Params):
    """Store ``value`` under ``type``, for all devices of the own client. A retry with the same ``id`` changes nothing.
    ``replaces`` is the ``id`` of the value that must be there, empty for none: another device's is then not lost."""

    id: Id
    type: Kind
    value: Annotated[str, Meta(max_length=131_072, description="opaque to the CRS")]
    replaces: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{0,64}$(?!\n)")] | UnsetType = UNSET


class PutDone(Result, omit_defaults=False):
    type: str
    id: str
    updated: Time


class BlobType(Params):
    type: Kind


class FoundBlob(Result, omit_defaults=False):
    type: str
    id: str
    updated: Time
    value: str


class BlobInfo(Result, omit_defaults=False):
    """``bytes`` is what the value takes of the quota."""

    type: str
    id: str
    updated: Time
    bytes: int


class BlobList(Result, omit_defaults=False):
    blobs: list[BlobInfo]
    bytes: int
    quota: int


# --- conference rooms -----------------------------------------------------------------------------------------------


class LookupRoom(Params):
    """The rooms of this number: in the own account, then in the connected domains; with ``account`` only there."""

    number: RoomNumber
    account: Account | UnsetType = UNSET


class FoundRoom(Result, omit_defaults=False):
    """``uri`` owns the room."""

    number: str
    account: str
    uri: str


class FoundRooms(Result, omit_defaults=False):
    rooms: list[FoundRoom]


class JoinRoom(Params):
    """Take part with this device. A retry with the same ``id`` answers with the same leg; another ``id`` asks for a
    new one. ``body`` is for the other members."""

    id: Id
    number: RoomNumber
    account: Account | UnsetType = UNSET
    body: Annotated[str, Meta(max_length=1024, description="opaque to the CRS")] = ""


class RoomMember(Result, omit_defaults=False):
    """One device in a conference."""

    uri: str
    account: str
    device_id: str
    body: str


class JoinedRoom(Result, omit_defaults=False):
    """``legs`` has one leg: what is sent to it goes to all other members. ``members`` includes oneself."""

    number: str
    account: str
    session: str
    seq: int
    legs: list[Leg]
    members: list[RoomMember]


class LeaveRoom(Params):
    number: RoomNumber
    account: Account | UnsetType = UNSET


# --- remote admins --------------------------------------------------------------------------------------------------


class AdminAccount(Result, omit_defaults=False):
    """``updates``: month to when the CMS created the update that is held."""

    account: str
    authorizations: list[str]
    statistics: bool
    updates: dict[str, Time]


class AdminAccounts(Result, omit_defaults=False):
    accounts: list[AdminAccount]


class UploadPart(Params):
    """One part of a protected update file, numbered from 0. A file with another ``id`` replaces the one before."""

    id: Id
    number: Annotated[int, Meta(ge=0, lt=MAX_PARTS)]
    body: Annotated[str, Meta(min_length=1, max_length=131_072, pattern=r"^[ -~]+$(?!\n)")]


class ApplyUpdate(Params):
    """Apply the file ``id`` that was sent in ``parts`` parts."""

    id: Id
    parts: Annotated[int, Meta(ge=1, le=MAX_PARTS)]


class AppliedUpdate(Result, omit_defaults=False):
    """``changed`` is false for an update that was applied before."""

    account: str
    month: str
    created: Time
    clients: int
    changed: bool


class AccountOnly(Params):
    account: Account


class ClearedStatistics(Result, omit_defaults=False):
    clients: int


class ExportStatistics(Params):
    """Rows of clients whose URI comes behind ``after``, in order."""

    account: Account
    after: Annotated[str, Meta(max_length=57)] = ""
    limit: Annotated[int, Meta(ge=1, le=500)] = 500


class StatisticsRows(Result, omit_defaults=False):
    """``columns`` as in the manual; each row has a value for each: text, number, or true and false."""

    columns: list[str]
    rows: list[list[str | int | bool]]
    more: bool


# --- notifications: what the CRS says unasked -----------------------------------------------------------------------


class SessionIncoming(Result, omit_defaults=False):
    """A call rings here. Sent to every registered device of the called client. ``group``: the group call that it is
    part of, empty for a call of two."""

    session: str
    seq: int
    uri: str
    account: str
    body: str
    streams: list[StreamInfo]
    legs: list[Leg]
    time: Time
    group: str = ""


class SessionRinging(Result, omit_defaults=False):
    session: str
    seq: int


class SessionAccepted(Result, omit_defaults=False):
    session: str
    seq: int
    body: str


class SessionEnded(Result, omit_defaults=False):
    """The call is over here. ``who``: caller, callee or crs. Reason ``answered-elsewhere``: another device took it."""

    session: str
    seq: int
    reason: str
    who: str


class SessionChanged(Result, omit_defaults=False):
    session: str
    seq: int
    id: str
    kind: str
    body: str
    streams: list[StreamInfo]
    legs: list[Leg]


class SessionRelay(Result, omit_defaults=False):
    """The relay legs of this call were allocated anew; bind again."""

    session: str
    seq: int
    legs: list[Leg]


class MessageWaiting(Result, omit_defaults=False):
    """A hint: the mailbox holds something. Fetch it. May come when nothing is new."""

    waiting: int


class MessageArrived(Result, omit_defaults=False):
    """New items of the mailbox, to a device that asked for them with ``deliver``: as from message.fetch, and to be
    acknowledged likewise. ``waiting`` as in message.waiting."""

    messages: list[Item]
    waiting: int


class RoomChanged(Result, omit_defaults=False):
    """Somebody joined or left a conference that this device is in; ``members`` are all that are there now."""

    number: str
    account: str
    session: str
    seq: int
    members: list[RoomMember]


class RoomEnded(Result, omit_defaults=False):
    """This device is not in the conference any more: ``removed`` (by the operator: the room, the connection of the
    domains, the client), ``lost`` (it was not registered for some time)."""

    number: str
    account: str
    session: str
    reason: str


class UpdateOffered(Result, omit_defaults=False):
    month: str


class Unregistered(Result, omit_defaults=False):
    """No longer registered: ``replaced``, ``blacklisted``, ``account-deleted``, ``month-expired``, ``purged``."""

    reason: str


class Reconnect(Result, omit_defaults=False):
    """Please attach anew (to the next address that DNS gives) within ``within`` milliseconds."""

    reason: str
    within: int


NOTIFICATIONS: dict[str, type[Result]] = {
    "session.incoming": SessionIncoming,
    "session.ringing": SessionRinging,
    "session.accepted": SessionAccepted,
    "session.ended": SessionEnded,
    "session.changed": SessionChanged,
    "session.relay": SessionRelay,
    "session.state": SessionState,
    "message.waiting": MessageWaiting,
    "message.arrived": MessageArrived,
    "room.changed": RoomChanged,
    "room.ended": RoomEnded,
    "update.offered": UpdateOffered,
    "unregistered": Unregistered,
    "reconnect": Reconnect,
}

# --- the JSON-RPC 2.0 envelope --------------------------------------------------------------------------------------


class Request(Struct, gc=False):
    """One request as it came; ``params`` stays raw until the method is known."""

    method: str
    jsonrpc: Literal["2.0"]
    id: str | int | float | None | UnsetType = UNSET
    params: msgspec.Raw | UnsetType = UNSET


class Response(Struct, gc=False):
    id: str | int | float | None
    result: Any
    jsonrpc: str = "2.0"


class ErrorObject(Struct, gc=False):
    code: int
    message: str
    data: dict[str, Any]


class ErrorResponse(Struct, gc=False):
    id: str | int | float | None
    error: ErrorObject
    jsonrpc: str = "2.0"


class Notification(Struct, gc=False):
    method: str
    params: Any
    jsonrpc: str = "2.0"


encode = msgspec.json.Encoder().encode


def notification(method: str, params: Result) -> bytes:
    """One server notification as JSON bytes; ``method`` must stand in NOTIFICATIONS with the type of ``params``."""
    assert isinstance(params, NOTIFICATIONS[method]), method
    return encode(Notification(method, params))
