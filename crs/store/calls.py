"""Calls: one record each, changed only by compare-and-set, so that any worker may carry out any step.

A call is in redis_high at the host that created it; every call that has not ended has a deadline there. What a step
means, the relay and who is notified is the business of ``crs.service``.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

import msgspec

from .. import slots
from ..errors import Conflict, NoSuchSession
from ..names import Client
from . import schema
from .commands import Commands, pairs
from .ordering import ordered
from .resp import Command

Fields = Mapping[str, str | int]  # of a call, by name

LIVE = frozenset(("invite", "ringing", "talk"))  # the other states are the end of a call


class Call(msgspec.Struct, frozen=True):
    """The record of a call. What is not known yet is empty or 0."""

    id: str  # begins with the name of the host that created it
    caller: str  # uri@account
    callee: str  # uri@account
    state: str  # invite, ringing, talk; ended: hangup, responder not found, responder not connected
    seq: int  # grows by one with every change
    created: int  # ms
    caller_device: str = ""
    callee_device: str = ""  # that took the call
    answered: int = 0  # ms
    ended: int = 0  # ms
    reason: str = ""  # of the hangup
    who: str = ""  # ended it: caller, callee, crs
    host: str = ""  # that created it
    offer: str = ""  # body of the invite, opaque
    answer: str = ""  # body of the accept, opaque
    streams: str = ""  # relayed streams with their legs, see ``crs.service.media``
    group: str = ""  # of a group call: its id, chosen by who started it
    multi: str = ""  # who made it a call of several streams, as long as the other has not accepted that
    changes: str = ""  # ids of the last changes of media, for retries
    alone: str = ""  # ms, since when no party was seen at a regular look; empty while any is

    @property
    def shown_state(self) -> str:
        """As ``show session`` writes it (manual, chapter 5)."""
        return f"hangup({self.reason}, {self.who})" if self.state == "hangup" else self.state


BULKY = ("offer", "answer", "streams", "changes")
_SHOWN = [field.encode() for field in Call.__struct_fields__ if field not in BULKY]


class CallConflict(Conflict):
    """The call is not in the state that the step needs; ``call`` is how it stands."""

    def __init__(self, call: Call):
        super().__init__(f"the call is in state {call.state}", state=call.state)
        self.call = call


class CallTable:
    """Every method raises Unavailable unless Redis has confirmed it."""

    def __init__(self, high: Commands):
        self._high = high

    def create(self, session: str, fields: Fields, now: int, due_at: int, keep_ms: int) -> tuple[bool, Call]:
        """Make a call; a call of this id that exists is left as it is. Returns whether it is new, and the call.

        A call that begins in an end state has no deadline and stays for ``keep_ms``.
        """
        record: Fields = {"id": session, "seq": 1, "created": now, **fields}
        ended = record["state"] not in LIVE
        create = self._high.evalsha("create", (schema.call(session),), (keep_ms if ended else 0, *_flat(record)))
        is_new, *flat = self._high.all((create,) if ended else (self._due(session, due_at), create))[-1]
        return is_new == 1, _call(flat)

    def transition(
        self,
        session: str,
        allowed: Collection[str],
        fields: Fields,
        guard: Fields | None,
        now: int,
        due_at: int | None,
        keep_ms: int | None = None,
    ) -> Call:
        """Change a call that is in an ``allowed`` state and whose fields equal those of ``guard``; returns it as it
        stands then. ``due_at`` None leaves the deadline. In an end state it has none, and stays for ``keep_ms``.

        Raises NoSuchSession; CallConflict (with the call) when it is not as believed, and nothing was changed.
        """
        commands = [] if due_at is None else [self._due(session, due_at)]
        commands.append(
            self._high.evalsha(
                "transition",
                (schema.call(session),),
                (keep_ms or 0, len(allowed), len(guard or {}), *allowed, *_flat(guard or {}), *_flat(fields)),
            )
        )
        changed, *flat = self._high.all(commands)[-1]
        if changed == -1:
            raise NoSuchSession(f"no call {session:.80}")
        call = _call(flat)
        if not changed:
            raise CallConflict(call)
        return call

    def get(self, session: str) -> Call | None:
        """The call as it stands; None when there is none, or it ended some time ago."""
        flat = self._high.call("HGETALL", schema.call(session))
        return _call(flat) if flat else None

    # --- whose calls ------------------------------------------------------------------------------------------------

    def join(self, session: str, *clients: Client) -> None:
        """List a call, after it was created, with each of its parties."""
        self._high.all([("SADD", schema.calls_of(client), session) for client in clients])

    def leave(self, session: str, *clients: Client) -> None:
        """Take an ended call off the lists of its parties."""
        self._high.all([("SREM", schema.calls_of(client), session) for client in clients])

    def calls_of(self, client: Client) -> list[str]:
        """Ids of the live calls of a client; what has ended without having left is taken off."""
        listed = [session.decode() for session in self._high.call("SMEMBERS", schema.calls_of(client))]
        states = self._high.all([("HGET", schema.call(session), "state") for session in listed])
        live = [session for session, state in zip(listed, states, strict=True) if (state or b"").decode() in LIVE]
        if len(live) < len(listed):
            self._high.call("SREM", schema.calls_of(client), *set(listed).difference(live))
        return live

    # --- deadlines --------------------------------------------------------------------------------------------------

    def due(self, buckets: Iterable[int], now: int, limit: int) -> list[str]:
        """Ids of calls whose deadline is over, at most ``limit`` of each bucket. Each comes again until the caller
        says ``postpone`` or ``forget_due``."""
        found = self._high.all(
            [
                ("ZRANGEBYSCORE", schema.due(schema.CALLS_DUE, bucket), "-inf", now, "LIMIT", 0, limit)
                for bucket in buckets
            ]
        )
        return [session.decode() for sessions in found for session in sessions]

    def postpone(self, session: str, at: int, alone: str) -> None:
        """Look at a live call again at ``at``; note since when (ms, or "") no party was seen."""
        self._high.all((self._due(session, at), self._high.evalsha("note", (schema.call(session),), ("alone", alone))))

    def forget_due(self, session: str) -> None:
        """Take the deadline off a call that has ended."""
        self._high.call("ZREM", schema.due(schema.CALLS_DUE, _bucket(session)), session)

    def _due(self, session: str, at: int) -> Command:
        return "ZADD", schema.due(schema.CALLS_DUE, _bucket(session)), at, session

    # --- all of them ------------------------------------------------------------------------------------------------

    def live(self, buckets: Iterable[int]) -> Iterator[Call]:
        """The calls of these buckets that have not ended."""
        for bucket in buckets:
            sessions = self._high.call("ZRANGE", schema.due(schema.CALLS_DUE, bucket), 0, -1)
            found = self._high.all([("HGETALL", schema.call(session.decode())) for session in sessions])
            yield from (call for call in map(_call, filter(None, found)) if call.state in LIVE)

    def all(self) -> Iterator[Call]:
        """Every call of this host, also those that ended a moment ago, without BULKY; as they were made."""
        made = self._high.each(schema.call("*"), lambda key: ("HGET", key, "created"))
        lines = ordered(b"%s %s" % (created.rjust(20, b"0"), key) for key, created in made if created)
        keys = (line[21:] for line in lines)
        for _, values in self._high.of_each(keys, lambda key: ("HMGET", key, *_SHOWN)):
            if any(values):  # else it went meanwhile
                yield _call_of((field, value) for field, value in zip(_SHOWN, values, strict=True) if value is not None)


def _bucket(session: str) -> int:
    return slots.bucket(slots.slot(session))


def _flat(fields: Fields) -> list[str | int]:
    return [part for pair in fields.items() for part in pair]


def _call(flat: list[bytes]) -> Call:
    return _call_of(pairs(flat))


def _call_of(fields: Iterable[tuple[bytes, bytes]]) -> Call:
    return msgspec.convert({field.decode(): value.decode() for field, value in fields}, Call, strict=False)
