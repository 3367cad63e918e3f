"""Calls: what handlers, deadlines and the operator's decisions do to a call alike, and how a party sees one."""

import base64
import hashlib
from collections.abc import Collection

from ..errors import Conflict, NoSuchSession
from ..names import Client
from ..names import client as parse_client
from ..store.calls import LIVE, Call, CallConflict, CallTable
from ..wire.vocabulary import Result, SessionEnded, SessionState
from . import media
from .connection import Connection
from .delivery import Delivery
from .events import Events
from .media import Role
from .relays import Relays

RINGING = frozenset(("invite", "ringing"))
MAX_CALLS = 16  # live calls of one client
TALK_CHECK = 60_000  # ms between looks at whether a call in talk still has a party


class CallControl:
    """``records`` has the calls as they are stored; ``keep_ms`` is for how long those that have ended stay there."""

    def __init__(self, records: CallTable, host: str, keep_ms: int, relays: Relays, delivery: Delivery, events: Events):
        self.records = records
        self._host = host
        self._keep_ms = keep_ms
        self._relays = relays
        self._delivery = delivery
        self._events = events

    def name(self, caller: Client, id: str) -> str:
        """The name of the call that ``caller`` started as ``id``: the same for a retry, and it names the host."""
        digest = hashlib.sha256(f"{caller}|{id}".encode()).digest()
        return f"{self._host}.{base64.b32encode(digest[:15]).decode().lower()}"

    # --- whose call it is ---------------------------------------------------------------------------------------------

    def as_party(self, connection: Connection, name: str) -> tuple[Call, Role]:
        """The call and this client's role in it. Raises NoSuchSession, also for a call of others."""
        call = self.records.get(name)
        client = str(connection.client)
        if call is None or client not in (call.caller, call.callee):
            raise NoSuchSession(f"no call {name!r:.80}")
        return call, "caller" if call.caller == client else "callee"

    def as_callee(self, connection: Connection, name: str) -> Call:
        """The call whose callee this client is. Raises NoSuchSession."""
        call, role = self.as_party(connection, name)
        if role != "callee":
            raise NoSuchSession(f"no call {name!r:.80} to this client")
        return call

    def as_device(self, connection: Connection, name: str) -> tuple[Call, Role]:
        """The call in *talk* whose party is this very device, and its role. Raises NoSuchSession, Conflict."""
        call, role = self.as_party(connection, name)
        if call.state != "talk":
            raise Conflict(f"the call is in state {call.state}", state=call.state)
        if device_of(call, role) != connection.device_id:
            raise Conflict("another device of this client has the call", state=call.state)
        return call, role

    # --- telling a party ----------------------------------------------------------------------------------------------

    def tell(self, call: Call, role: Role, method: str, params: Result) -> None:
        """Notify the device that is this party of the call."""
        party = parse_client(call.caller if role == "caller" else call.callee)
        self._delivery.wake(party, method, params, [device_of(call, role)])

    def states_of(self, connection: Connection) -> list[SessionState]:
        """The live calls that concern this device, as it should see them."""
        states = []
        for name in sorted(self.records.calls_of(connection.client)):
            call = self.records.get(name)
            if call is not None and call.state in LIVE:
                role: Role = "caller" if call.caller == str(connection.client) else "callee"
                if device_of(call, role) in ("", connection.device_id):
                    states.append(self._state_of(call, role))
        return states

    def _state_of(self, call: Call, role: Role) -> SessionState:
        peer = parse_client(call.callee if role == "caller" else call.caller)
        streams = media.load(call.streams)
        return SessionState(
            call.id,
            role,
            peer.uri,
            peer.account,
            call.state,
            call.seq,
            call.created,
            media.infos(streams),
            media.legs(streams, role, self._relays.candidates),
            call.offer,
            call.answer,
            device_of(call, role),
            call.group,
        )

    # --- the end of a call --------------------------------------------------------------------------------------------

    def end(
        self, call: Call, reason: str, who: str, now: int, device: str = "", allowed: Collection[str] = LIVE
    ) -> Call:
        """End a call that is in an ``allowed`` state, free its relay legs, tell all its devices but ``device``.

        ``who``: caller, callee or crs. The record stays for *show session*. A call that went on to another live state
        meanwhile is left alone. Returns the call as it stands then.
        """
        if call.state in LIVE:
            ended: dict[str, str | int] = {"state": "hangup", "reason": reason, "who": who, "ended": now}
            try:
                call = self.records.transition(call.id, allowed, ended, None, now, None, self._keep_ms)
                self._events.call(call)
            except CallConflict as moved:  # ended by the other party in this moment, or answered
                call = moved.call
                if call.state in LIVE:
                    return call
        self._relays.release(media.load(call.streams))
        notice = SessionEnded(call.id, call.seq, call.reason, call.who)
        caller, callee = parse_client(call.caller), parse_client(call.callee)
        self.records.leave(call.id, caller, callee)
        wake = self._delivery.wake
        wake(caller, "session.ended", notice, [call.caller_device], device if who == "caller" else "")
        callee_devices = [call.callee_device] if call.callee_device else None
        wake(callee, "session.ended", notice, callee_devices, device if who == "callee" else "")
        return call

    def end_all(self, client: Client, reason: str, now: int) -> None:
        """End all calls of a client."""
        for name in self.records.calls_of(client):
            call = self.records.get(name)
            if call is not None:
                self.end(call, reason, "crs", now)


def device_of(call: Call, role: Role) -> str:
    """The device that is this party of the call; empty while the callee rings."""
    return call.caller_device if role == "caller" else call.callee_device
