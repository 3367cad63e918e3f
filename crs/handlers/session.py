"""Calls: invite, ringing, accept, hangup, list. The states are those of the manual's *show session*.

Every step first changes the call's record (one atomic step), then tells the parties. A retry finds the record
changed, tells them again and answers the same: nothing is lost where a worker dies between the two.
"""

from msgspec import UNSET

from ..errors import Busy, Conflict, InvalidParams, NotConnected, NotFound
from ..names import Client
from ..service import media
from ..service.calls import MAX_CALLS, RINGING, TALK_CHECK, device_of
from ..service.connection import Connection
from ..service.worker import Worker
from ..store.calls import LIVE, Call
from ..wire.vocabulary import (
    Accept,
    Hangup,
    Invite,
    Invited,
    Nothing,
    Sequenced,
    SessionAccepted,
    SessionEnded,
    SessionIncoming,
    SessionList,
    SessionOnly,
    SessionRinging,
)


def invite(worker: Worker, connection: Connection, params: Invite, now: int) -> Invited:
    """session.invite {id, to, body?, account?, streams?, group?} -> Invited. All devices of the callee ring.

    A retry with the same id answers with the same call. Fails: invalid-params, not-found, not-connected,
    domain-not-connected, conflict (id used for another callee), limit-reached, not-registered, try-again.
    """
    caller = connection.client
    name = worker.calls.name(caller, params.id)
    account = None if params.account is UNSET else params.account
    try:
        callee = worker.resolve(caller, params.to, account)
    except NotFound:
        callee = Client(params.to, account or caller.account)
        _, call = _create(worker, connection, name, callee, params, "responder not found", now)
        worker.events.call(call)
        raise
    if callee == caller:
        raise InvalidParams("a client cannot call itself")
    state = "invite" if worker.directory.lookup(callee) else "responder not connected"
    is_new, call = _create(worker, connection, name, callee, params, state, now)
    if (call.callee, call.caller_device, call.offer) != (str(callee), connection.device_id, params.body):
        raise Conflict(f"id {params.id} was used for another call, or by another device")
    if call.state == "responder not connected":
        worker.events.call(call)
        raise NotConnected(f"{callee.uri} is not connected", session=name)
    if is_new:
        _count_invite(worker, call, caller, callee)
    streams, candidates = media.load(call.streams), worker.relays.candidates
    if call.state == "invite":
        worker.calls.records.join(name, caller, callee)
        worker.relays.allocate(call, streams)
        worker.events.call(call)
        incoming = SessionIncoming(
            name,
            call.seq,
            caller.uri,
            caller.account,
            call.offer,
            media.infos(streams),
            media.legs(streams, "callee", candidates),
            now,
            call.group,
        )
        worker.delivery.wake(callee, "session.incoming", incoming)
    return Invited(name, call.state, call.seq, media.legs(streams, "caller", candidates))


def _count_invite(worker: Worker, call: Call, caller: Client, callee: Client) -> None:
    columns = ["session-outgoing"]
    if call.multi:
        columns.append("initiated-multi-session")
    if call.group:
        columns.append("sent-group-call-invite")
    worker.events.count(caller, *columns)
    worker.events.count(callee, "session-incoming")


def _create(
    worker: Worker, connection: Connection, name: str, callee: Client, params: Invite, state: str, now: int
) -> tuple[bool, Call]:
    """Whether the call is new, and its record: in ``state``, or the one that an earlier try left."""
    caller, records = connection.client, worker.calls.records
    known = records.get(name)
    if known is not None:
        return False, known
    if len(records.calls_of(caller)) >= MAX_CALLS:
        raise Busy(f"a client holds at most {MAX_CALLS} calls at a time")
    asked = params.streams if state == "invite" else []
    streams = [media.new_stream(name, stream, number, worker.random) for number, stream in enumerate(asked)]
    fields = {
        "caller": str(caller),
        "caller_device": connection.device_id,
        "callee": str(callee),
        "state": state,
        "offer": params.body,
        "streams": media.dump(streams),
        "host": worker.conf.name,
        "group": "" if params.group is UNSET else params.group,
        "multi": "caller" if len(streams) > 1 else "",
    }
    due_at = now + worker.conf.ring_timeout * 1000
    return records.create(name, fields, now, due_at, worker.conf.session_keep * 1000)


def ringing(worker: Worker, connection: Connection, params: SessionOnly, now: int) -> Sequenced:
    """session.ringing {session} -> Sequenced. The callee's device rings; the caller is told.

    Fails: no-such-session, conflict (not ringing any more), not-registered, try-again.
    """
    call = worker.calls.as_callee(connection, params.session)
    if call.state == "invite":
        call = worker.calls.records.transition(call.id, RINGING, {"state": "ringing"}, None, now, None)
        worker.events.call(call)
    elif call.state != "ringing":
        raise Conflict(f"the call is in state {call.state}", state=call.state)
    worker.calls.tell(call, "caller", "session.ringing", SessionRinging(call.id, call.seq))
    return Sequenced(call.id, call.state, call.seq)


def accept(worker: Worker, connection: Connection, params: Accept, now: int) -> Sequenced:
    """session.accept {session, body?} -> Sequenced. The first device takes the call, the others are told.

    Fails: no-such-session, conflict (ended, or answered by another device), not-registered, try-again.
    """
    call = worker.calls.as_callee(connection, params.session)
    if call.state in RINGING:
        call = _answer(worker, connection, call, params, now)
    if call.state != "talk":
        raise Conflict(f"the call is in state {call.state}", state=call.state)
    if call.callee_device != connection.device_id:
        raise Conflict(f"the call is in state {call.state}, on another device", state=call.state)
    if call.answer != params.body:
        raise Conflict("this call was accepted with another body", state=call.state)
    elsewhere = SessionEnded(call.id, call.seq, "answered-elsewhere", "callee")
    worker.delivery.wake(connection.client, "session.ended", elsewhere, but=connection.device_id)
    worker.calls.tell(call, "caller", "session.accepted", SessionAccepted(call.id, call.seq, call.answer))
    return Sequenced(call.id, call.state, call.seq)


def _answer(worker: Worker, connection: Connection, call: Call, params: Accept, now: int) -> Call:
    """This device takes a ringing call, unless another was quicker."""
    fields: dict[str, str | int] = {
        "state": "talk",
        "callee_device": connection.device_id,
        "answer": params.body,
        "answered": now,
        "multi": "",
    }
    call = worker.calls.records.transition(call.id, LIVE, fields, {"callee_device": ""}, now, now + TALK_CHECK)
    columns = []
    if len(media.load(call.streams)) > 1:
        columns.append("accepted-multi-session")
    if call.group:
        columns.append("accepted-group-call-invite")
    worker.events.count(connection.client, *columns)
    worker.events.call(call)
    return call


def hangup(worker: Worker, connection: Connection, params: Hangup, now: int) -> Sequenced:
    """session.hangup {session, reason?} -> Sequenced. Ends the call in any state; a retry is answered the same.

    Fails: no-such-session, conflict (another device of this client has the call), not-registered, try-again.
    """
    call, role = worker.calls.as_party(connection, params.session)
    if device_of(call, role) not in ("", connection.device_id):
        raise Conflict("another device of this client has the call", state=call.state)
    call = worker.calls.end(call, params.reason, role, now, connection.device_id)
    return Sequenced(call.id, call.state, call.seq)


def list_sessions(worker: Worker, connection: Connection, params: Nothing, now: int) -> SessionList:
    """session.list {} -> SessionList: the live calls of this device. Fails: not-registered, try-again."""
    return SessionList(worker.calls.states_of(connection))
