"""Calls: invite, ringing, accept, hangup, list. The states are those of the manual's *show session*.

Every step first changes the call's record (one atomic step), then tells the parties. A retry finds the record
changed, tells them again and answers the same: nothing is lost where a worker dies between the two.
"""

from msgspec import UNSET

from ..errors import Busy, Conflict, InvalidParams, NoSuchSession, NotConnected, NotFound
from ..names import Client
from ..names import client as parse_client
from ..service import media
from ..service.connection import Connection
from ..store.calls import LIVE, CallConflict
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
    SessionState,
)

RINGING = {"invite", "ringing"}
MAX_CALLS = 16  # live calls of one client


def invite(connection: Connection, params: Invite, now: int) -> Invited:
    """session.invite {id, to, body?, account?, streams?, group?} -> Invited. All devices of the callee ring.

    A retry with the same id answers with the same call. Fails: invalid-params, not-found, not-connected,
    domain-not-connected, conflict (id used for another callee), limit-reached, not-registered, try-again.
    """
    worker, caller = connection.worker, connection.client
    session = worker.session_id(caller, params.id)
    account = None if params.account is UNSET else params.account
    try:
        callee = worker.resolve(caller, params.to, account)
    except NotFound:
        callee = Client(params.to, account or caller.account)
        _, call = _create(connection, session, callee, params, "responder not found", now)
        worker.trace_session(call)
        raise
    if callee == caller:
        raise InvalidParams("a client cannot call itself")
    reachable = worker.store.directory.lookup(callee)
    is_new, call = _create(
        connection, session, callee, params, "invite" if reachable else "responder not connected", now
    )
    if (call.callee, call.caller_device, call.offer) != (str(callee), connection.device_id, params.body):
        raise Conflict(f"id {params.id} was used for another call, or by another device")
    if call.state == "responder not connected":
        worker.trace_session(call)
        raise NotConnected(f"{callee.uri} is not connected", session=session)
    if is_new:
        _count_invite(worker, call, caller, callee)
    streams = media.load(call.streams)
    if call.state == "invite":
        worker.store.calls.join(session, caller, callee)
        worker.allocate(call, streams)
        worker.trace_session(call)
        worker.wake(
            callee,
            "session.incoming",
            SessionIncoming(
                session,
                call.seq,
                caller.uri,
                caller.account,
                call.offer,
                media.infos(streams),
                media.legs(streams, "callee", worker.candidates),
                now,
                call.group,
            ),
        )
    return Invited(session, call.state, call.seq, media.legs(streams, "caller", worker.candidates))


def _count_invite(worker, call, caller: Client, callee: Client) -> None:
    worker.count(
        caller,
        "session-outgoing",
        *(["initiated-multi-session"] if call.multi else []),
        *(["sent-group-call-invite"] if call.group else []),
    )
    worker.count(callee, "session-incoming")


def _create(connection: Connection, session: str, callee: Client, params: Invite, state: str, now: int):
    """Whether the call is new, and its record: in ``state``, or the one that an earlier try left."""
    worker, caller = connection.worker, connection.client
    known = worker.store.calls.get(session)
    if known is not None:
        return False, known
    if len(worker.store.calls.calls_of(caller)) >= MAX_CALLS:
        raise Busy(f"a client holds at most {MAX_CALLS} calls at a time")
    streams = (
        [media.new_stream(session, stream, number, worker.random) for number, stream in enumerate(params.streams)]
        if state == "invite"
        else []
    )
    fields = {
        "caller": str(caller),
        "caller_device": connection.device_id,
        "callee": str(callee),
        "state": state,
        "offer": params.body,
        "streams": media.dump(streams),
        "host": worker.host,
        "group": "" if params.group is UNSET else params.group,
        "multi": "caller" if len(streams) > 1 else "",
    }
    return worker.store.calls.create(
        session, fields, now, now + worker.conf.ring_timeout * 1000, worker.conf.session_keep * 1000
    )


def ringing(connection: Connection, params: SessionOnly, now: int) -> Sequenced:
    """session.ringing {session} -> Sequenced. The callee's device rings; the caller is told.

    Fails: no-such-session, conflict (not ringing any more), not-registered, try-again.
    """
    worker = connection.worker
    call = _as_callee(connection, params.session)
    if call.state == "invite":
        call = worker.store.calls.transition(call.id, RINGING, {"state": "ringing"}, None, now, None)
        worker.trace_session(call)
    elif call.state != "ringing":
        raise Conflict(f"the call is in state {call.state}", state=call.state)
    worker.wake(parse_client(call.caller), "session.ringing", SessionRinging(call.id, call.seq), [call.caller_device])
    return Sequenced(call.id, call.state, call.seq)


def accept(connection: Connection, params: Accept, now: int) -> Sequenced:
    """session.accept {session, body?} -> Sequenced. The first device takes the call, the others are told.

    Fails: no-such-session, conflict (ended, or answered by another device), not-registered, try-again.
    """
    worker = connection.worker
    call = _as_callee(connection, params.session)
    if call.state in RINGING:
        call = worker.store.calls.transition(
            call.id,
            LIVE,
            {
                "state": "talk",
                "callee_device": connection.device_id,
                "answer": params.body,
                "answered": now,
                "multi": "",
            },
            {"callee_device": ""},
            now,
            now + worker.TALK_CHECK,
        )
        worker.count(
            connection.client,
            *(["accepted-multi-session"] if len(media.load(call.streams)) > 1 else []),
            *(["accepted-group-call-invite"] if call.group else []),
        )
        worker.trace_session(call)
    if call.state != "talk" or call.callee_device != connection.device_id:
        raise Conflict(
            f"the call is in state {call.state}, on another device"
            if call.state == "talk"
            else f"the call is in state {call.state}",
            state=call.state,
        )
    if call.answer != params.body:
        raise Conflict("this call was accepted with another body", state=call.state)
    worker.wake(
        connection.client,
        "session.ended",
        SessionEnded(call.id, call.seq, "answered-elsewhere", "callee"),
        but=connection.device_id,
    )
    worker.wake(
        parse_client(call.caller),
        "session.accepted",
        SessionAccepted(call.id, call.seq, call.answer),
        [call.caller_device],
    )
    return Sequenced(call.id, call.state, call.seq)


def hangup(connection: Connection, params: Hangup, now: int) -> Sequenced:
    """session.hangup {session, reason?} -> Sequenced. Ends the call in any state; a retry is answered the same.

    Fails: no-such-session, conflict (another device of this client has the call), not-registered, try-again.
    """
    worker = connection.worker
    call, role = _as_party(connection, params.session)
    device = call.caller_device if role == "caller" else call.callee_device
    if device and device != connection.device_id:
        raise Conflict("another device of this client has the call", state=call.state)
    call = end(worker, call, params.reason, role, now, connection.device_id)
    return Sequenced(call.id, call.state, call.seq)


def end(worker, call, reason: str, who: str, now: int, device: str | None = None, allowed=LIVE):
    """End a call that is in an ``allowed`` state, free its relay legs, tell all its devices but ``device``.

    The record stays for *show session*. A call that went on to another live state meanwhile is left alone.
    """
    if call.state in LIVE:
        try:
            call = worker.store.calls.transition(
                call.id,
                allowed,
                {"state": "hangup", "reason": reason, "who": who, "ended": now},
                None,
                now,
                None,
                worker.conf.session_keep * 1000,
            )
            worker.trace_session(call)
        except CallConflict as moved:  # ended by the other party in this moment, or answered
            call = moved.call
            if call.state in LIVE:
                return call
    worker.release(call)
    ended = SessionEnded(call.id, call.seq, call.reason, call.who)
    caller, callee = parse_client(call.caller), parse_client(call.callee)
    worker.store.calls.leave(call.id, caller, callee)
    worker.wake(caller, "session.ended", ended, [call.caller_device], but=device if who == "caller" else None)
    worker.wake(
        callee,
        "session.ended",
        ended,
        [call.callee_device] if call.callee_device else None,
        but=device if who == "callee" else None,
    )
    return call


def end_all(worker, client: Client, reason: str, now: int) -> None:
    """End all calls of a client."""
    for session in worker.store.calls.calls_of(client):
        call = worker.store.calls.get(session)
        if call is not None:
            end(worker, call, reason, "crs", now)


def list_sessions(connection: Connection, params: Nothing, now: int) -> SessionList:
    """session.list {} -> SessionList: the live calls of this device. Fails: not-registered, try-again."""
    return SessionList(states_of(connection))


def states_of(connection: Connection) -> list[SessionState]:
    """The live calls that concern this device, as it should see them."""
    calls = connection.worker.store.calls
    states = []
    for session in sorted(calls.calls_of(connection.client)):
        call = calls.get(session)
        if call is not None and call.state in LIVE:
            role = "caller" if call.caller == str(connection.client) else "callee"
            device = call.caller_device if role == "caller" else call.callee_device
            if device in ("", connection.device_id):
                states.append(state_of(connection.worker, call, role))
    return states


def state_of(worker, call, role: str) -> SessionState:
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
        media.legs(streams, role, worker.candidates),
        call.offer,
        call.answer,
        call.callee_device if role == "callee" else call.caller_device,
        call.group,
    )


def _as_party(connection: Connection, session: str):
    """The call and this client's role in it; a call of others is no different from one that is not."""
    call = connection.worker.store.calls.get(session)
    me = str(connection.client)
    if call is None or me not in (call.caller, call.callee):
        raise NoSuchSession(f"no call {session!r:.80}")
    return call, "caller" if call.caller == me else "callee"


def as_device(connection: Connection, session: str):
    """The call in *talk* whose party is this very device, and its role."""
    call, role = _as_party(connection, session)
    device = call.caller_device if role == "caller" else call.callee_device
    if call.state != "talk" or device != connection.device_id:
        raise Conflict(
            f"the call is in state {call.state}"
            if call.state != "talk"
            else "another device of this client has the call",
            state=call.state,
        )
    return call, role


def _as_callee(connection: Connection, session: str):
    call, role = _as_party(connection, session)
    if role != "callee":
        raise NoSuchSession(f"no call {session!r:.80} to this client")
    return call
