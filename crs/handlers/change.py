"""Change of media during a call, and new relay legs for it. Both parties keep talking meanwhile."""

import zlib

from msgspec import UNSET

from ..errors import Conflict, InvalidParams
from ..names import client as parse_client
from ..service import media
from ..service.connection import Connection
from ..store.calls import CallConflict
from ..wire.vocabulary import Change, Relayed, SessionChanged, SessionOnly, SessionRelay
from .session import as_device

KEPT_CHANGES = 32


def change(connection: Connection, params: Change, now: int) -> Relayed:
    """session.change {session, id, kind, body?, streams?} -> Relayed. The other party gets *session.changed*.

    An offer may add streams (their legs are in the answer and in the notification). A retry with the same id tells
    the other party again. Fails: no-such-session, conflict (not in talk), invalid-params, limit-reached, try-again.
    """
    worker = connection.worker
    call, role = as_device(connection, params.session)
    known, mark = call.changes.split(), f"{role}:{params.id}:{zlib.crc32(f'{params.kind} {params.body}'.encode()):08x}"
    streams = media.load(call.streams)
    if mark not in known:
        if any(one.rpartition(":")[0] == f"{role}:{params.id}" for one in known):
            raise Conflict(f"id {params.id} was used for another change of this call", state=call.state)
        before, streams = len(streams), _grown(worker, call, streams, params)
        worker.allocate(call, streams)
        marks = [*known, mark][-KEPT_CHANGES:]
        multi, column = _multi(call, role, params.kind, before, len(streams))
        call = worker.store.calls.transition(
            call.id,
            {"talk"},
            {"streams": media.dump(streams), "multi": multi, "changes": " ".join(marks)},
            {"seq": call.seq},
            now,
            None,
        )
        if column:
            worker.count(connection.client, column)
    other = "callee" if role == "caller" else "caller"
    _tell(
        worker,
        call,
        other,
        "session.changed",
        SessionChanged(
            call.id,
            call.seq,
            params.id,
            params.kind,
            params.body,
            media.infos(streams),
            media.legs(streams, other, worker.candidates),
        ),
    )
    return Relayed(call.id, call.seq, media.legs(streams, role, worker.candidates))


def _multi(call, role: str, kind: str, before: int, after: int) -> tuple[str, str]:
    """Who waits for the other to accept several streams, and what this step counts for in the statistics."""
    if before == 1 < after:
        return role, "initiated-multi-session"
    if call.multi and call.multi != role and kind != "offer":
        return "", "accepted-multi-session" if kind == "answer" else ""
    return call.multi, ""


def _grown(worker, call, streams, params: Change):
    """The call's streams with those that an offer adds."""
    if params.streams is UNSET:
        return streams
    if params.kind != "offer":
        raise InvalidParams("session.change: streams go with an offer only")
    if [(old.kind, old.media) for old in streams] != [(new.kind, new.media) for new in params.streams[: len(streams)]]:
        raise InvalidParams("session.change: the streams that the call has stay as they are, in front")
    return streams + [
        media.new_stream(call.id, stream, number, worker.random)
        for number, stream in enumerate(params.streams)
        if number >= len(streams)
    ]


def relay(connection: Connection, params: SessionOnly, now: int) -> Relayed:
    """session.relay {session} -> Relayed: new legs for all streams, for a client whose media is gone.

    The other party gets *session.relay*. Fails: no-such-session, conflict (not in talk), limit-reached, try-again.
    """
    worker = connection.worker
    call, role = as_device(connection, params.session)
    old = media.load(call.streams)
    streams = [media.new_stream(call.id, stream, number, worker.random) for number, stream in enumerate(old)]
    worker.allocate(call, streams)  # first: what the record names must be there
    try:
        call = worker.store.calls.transition(
            call.id, {"talk"}, {"streams": media.dump(streams)}, {"seq": call.seq}, now, None
        )
    except CallConflict:  # it ended or changed in this moment
        worker.release_streams(streams)
        raise
    worker.release_streams(old)
    other = "callee" if role == "caller" else "caller"
    _tell(
        worker,
        call,
        other,
        "session.relay",
        SessionRelay(call.id, call.seq, media.legs(streams, other, worker.candidates)),
    )
    return Relayed(call.id, call.seq, media.legs(streams, role, worker.candidates))


def _tell(worker, call, role: str, method: str, params) -> None:
    party, device = (call.caller, call.caller_device) if role == "caller" else (call.callee, call.callee_device)
    worker.wake(parse_client(party), method, params, [device])
