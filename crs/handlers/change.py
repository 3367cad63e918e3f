"""Change of media during a call, and new relay legs for it. Both parties keep talking meanwhile."""

import zlib

from msgspec import UNSET

from ..errors import Conflict, InvalidParams
from ..service import media
from ..service.connection import Connection
from ..service.media import RelayedStream, Role
from ..service.worker import Worker
from ..store.calls import Call
from ..wire.vocabulary import Change, Relayed, SessionChanged, SessionOnly, SessionRelay

KEPT_CHANGES = 32  # of a call, so that a retry of one of them is known


def change(worker: Worker, connection: Connection, params: Change, now: int) -> Relayed:
    """session.change {session, id, kind, body?, streams?} -> Relayed. The other party gets *session.changed*.

    An offer may add streams (their legs are in the answer and in the notification). A retry with the same id tells
    the other party again. Fails: no-such-session, conflict (not in talk), invalid-params, limit-reached, try-again.
    """
    call, role = worker.calls.as_device(connection, params.session)
    known, mark = call.changes.split(), f"{role}:{params.id}:{zlib.crc32(f'{params.kind} {params.body}'.encode()):08x}"
    streams = media.load(call.streams)
    if mark not in known:
        if any(held.rpartition(":")[0] == f"{role}:{params.id}" for held in known):
            raise Conflict(f"id {params.id} was used for another change of this call", state=call.state)
        added = _added(worker, call, streams, params)
        multi, column = _multi(call, role, params.kind, len(streams), len(streams) + len(added))
        streams += added
        fields = {
            "streams": media.dump(streams),
            "multi": multi,
            "changes": " ".join([*known, mark][-KEPT_CHANGES:]),
        }
        with worker.relays.allocated(call, streams, added):
            call = worker.calls.records.transition(call.id, {"talk"}, fields, {"seq": call.seq}, now, None)
        if column:
            worker.events.count(connection.client, column)
    other, candidates = media.other(role), worker.relays.candidates
    changed = SessionChanged(
        call.id,
        call.seq,
        params.id,
        params.kind,
        params.body,
        media.infos(streams),
        media.legs(streams, other, candidates),
    )
    worker.calls.tell(call, other, "session.changed", changed)
    return Relayed(call.id, call.seq, media.legs(streams, role, candidates))


def _multi(call: Call, role: Role, kind: str, before: int, after: int) -> tuple[str, str]:
    """Who waits for the other to accept several streams, and what this step counts for in the statistics."""
    if before == 1 < after:
        return role, "initiated-multi-session"
    if call.multi and call.multi != role and kind != "offer":
        return "", "accepted-multi-session" if kind == "answer" else ""
    return call.multi, ""


def _added(worker: Worker, call: Call, streams: list[RelayedStream], params: Change) -> list[RelayedStream]:
    """The streams that an offer adds to those that the call has."""
    if params.streams is UNSET:
        return []
    if params.kind != "offer":
        raise InvalidParams("session.change: streams go with an offer only")
    if [(old.kind, old.media) for old in streams] != [(new.kind, new.media) for new in params.streams[: len(streams)]]:
        raise InvalidParams("session.change: the streams that the call has stay as they are, in front")
    return [
        media.new_stream(call.id, stream, number, worker.random)
        for number, stream in enumerate(params.streams)
        if number >= len(streams)
    ]


def relay(worker: Worker, connection: Connection, params: SessionOnly, now: int) -> Relayed:
    """session.relay {session} -> Relayed: new legs for all streams, for a client whose media is gone.

    The other party gets *session.relay*. Fails: no-such-session, conflict (not in talk), limit-reached, try-again.
    """
    call, role = worker.calls.as_device(connection, params.session)
    old = media.load(call.streams)
    streams = [media.new_stream(call.id, stream, number, worker.random) for number, stream in enumerate(old)]
    with worker.relays.allocated(call, streams, streams):
        fields = {"streams": media.dump(streams)}
        call = worker.calls.records.transition(call.id, {"talk"}, fields, {"seq": call.seq}, now, None)
    worker.relays.release(old)
    other, candidates = media.other(role), worker.relays.candidates
    legs = media.legs(streams, other, candidates)
    worker.calls.tell(call, other, "session.relay", SessionRelay(call.id, call.seq, legs))
    return Relayed(call.id, call.seq, media.legs(streams, role, candidates))
