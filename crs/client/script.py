"""The actions of crs-client that run once and end: send, fetch, call, answer. They report what happens as events.

Each takes (phone, options, output) and returns the exit status.
"""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event

from crs.client.call import ClientCall
from crs.client.lines import lines
from crs.client.messages import Received
from crs.client.output import Output
from crs.client.phone import Phone
from crs.client.wav import read_speech
from crs.errors import OperatorFault, Unavailable

if TYPE_CHECKING:  # needs libsrtp, which only calls need
    from crs.client.media import Media

Options = dict[str, Any]  # as docopt gives them

EMPTY_AFTER = 1.0  # seconds without another message after which a mailbox counts as read
SPEAKS_WITHIN = 1.0  # seconds after the own speech within which that of the other side begins, if there is any

REPORTS = {"content": "message", "system": "message", "ack": "delivered", "expired": "expired"}


class Deadline:
    """The time that an action has."""

    def __init__(self, seconds: float):
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return max(0.0, self._end - time.monotonic())


def send(phone: Phone, options: Options, output: Output) -> int:
    deadline = _attach(phone, options, output)
    awaited: set[str] = set()
    for text in _texts(options):
        posted = phone.messages.post(options["NUMBER"], text, timeout=deadline.left)
        output.tell("posted", id=posted.id, to=options["NUMBER"], account=posted.account, time=posted.time)
        awaited.add(posted.id)
    while options["--delivered"] and awaited:
        items = phone.messages.wait(deadline.left)
        if not items:
            raise Unavailable(f"{len(awaited)} message(s) not acknowledged in time")
        show(phone, items, output)
        awaited -= {item.id for item in items if item.kind == "ack"}
    return 0


def fetch(phone: Phone, options: Options, output: Output) -> int:
    deadline = _attach(phone, options, output)
    wanted, seen = _count(options), 0
    while wanted is None or seen < wanted:
        items = phone.messages.wait(min(EMPTY_AFTER, deadline.left) if wanted is None else deadline.left)
        if not items:
            break
        show(phone, items, output)
        seen += sum(item.kind in ("content", "system") for item in items)
    if wanted is not None and seen < wanted:
        raise Unavailable(f"{seen} of {wanted} messages came in time")
    return 0


def call(phone: Phone, options: Options, output: Output) -> int:
    speech = read_speech(options["--play"]) if options["--play"] else b""
    deadline = _attach(phone, options, output)
    began = time.monotonic()
    call = phone.calls.invite(options["NUMBER"], timeout=deadline.left)
    output.tell("calling", peer=str(call.peer), session=call.session)
    try:
        if call.wait("ringing", deadline.left) and not call.is_over:
            output.tell("ringing", peer=str(call.peer), session=call.session)
        if not call.wait("talk", deadline.left) or call.is_over:
            raise Unavailable(f"not answered: {call.reason or 'no answer in time'}")
        media = _talk(call, speech, options, output, began, deadline)
        if speech:
            _hear_out(call, media, deadline)
        else:
            _wait_end(call, deadline)
    finally:
        call.hang_up()
        _tell_end(call, output)
    return 0


def answer(phone: Phone, options: Options, output: Output) -> int:
    speech = read_speech(options["--play"]) if options["--play"] else b""
    deadline = _attach(phone, options, output)
    call = phone.calls.next_incoming(deadline.left)
    if call is None:
        raise Unavailable("nobody called in time")
    began = time.monotonic()
    output.tell("incoming", peer=str(call.peer), session=call.session)
    try:
        call.accept(deadline.left)
        media = _talk(call, speech, options, output, began, deadline)
        _wait_end(call, deadline)
        if not media.played.is_set():
            raise Unavailable("the call ended before all was played")
    finally:
        call.hang_up()
        _tell_end(call, output)
    return 0


ACTIONS = {"send": send, "fetch": fetch, "call": call, "answer": answer}


def show(phone: Phone, items: list[Received], output: Output) -> None:
    """Show items of the mailbox, then acknowledge them."""
    for item in items:
        event = "unreadable" if item.fault else REPORTS[item.kind]
        members = {"peer": str(item.peer), "id": item.id, "time": item.time}
        if item.fault:
            members["fault"] = item.fault
        elif event == "message":
            members["text"] = item.text
        output.tell(event, **members)
    phone.messages.acknowledge(items)


def _talk(
    call: ClientCall, speech: bytes, options: Options, output: Output, began: float, deadline: Deadline
) -> "Media":
    """Start the media of a call in *talk*, and wait until the other side is heard."""
    output.tell("talk", peer=str(call.peer), session=call.session, setup_ms=_since(began))
    media = call.start_media(speech, options["--record"])
    _await(media.heard, call, deadline, f"{call.peer} was not heard")
    output.tell("heard", peer=str(call.peer), session=call.session, heard_ms=_since(began))
    return media


def _hear_out(call: ClientCall, media: "Media", deadline: Deadline) -> None:
    """Wait until both sides have spoken; a side that does not begin soon is taken to have nothing to say."""
    _await(media.played, call, deadline, "not all was played")
    if media.heard_out.wait(min(SPEAKS_WITHIN, deadline.left)) or not media.speech_came:
        return
    _await(media.heard_out, call, deadline, "the other side was not heard to its end")


def _wait_end(call: ClientCall, deadline: Deadline) -> None:
    """Wait until the other side hangs up."""
    _await(call.over, call, deadline, "the other side did not hang up")
    if call.reason != "normal":
        raise Unavailable(f"the call ended: {call.reason} ({call.who})")


def _await(event: Event, call: ClientCall, deadline: Deadline, otherwise: str) -> None:
    """Wait for ``event``; raises Unavailable when the call ends or the time is over before."""
    gevent.wait([event, call.over], deadline.left, count=1)
    if not event.is_set():
        why = f"the call ended: {call.reason} ({call.who})" if call.is_over else "the time is over"
        raise Unavailable(f"{otherwise}: {why}")


def _tell_end(call: ClientCall, output: Output) -> None:
    if call.media is not None:
        output.tell("media", session=call.session, **call.media.stop()._asdict())
    output.tell("ended", peer=str(call.peer), session=call.session, reason=call.reason, who=call.who)


def _attach(phone: Phone, options: Options, output: Output) -> Deadline:
    try:
        seconds = float(options["--timeout"])
    except ValueError:
        raise OperatorFault(f"--timeout {options['--timeout']}: write a number of seconds") from None
    deadline = Deadline(seconds)
    registered = phone.wait_ready(deadline.left)
    output.tell(
        "attached",
        host=registered.host,
        worker=registered.worker,
        waiting=registered.waiting,
        connection=registered.connection,
    )
    return deadline


def _texts(options: Options) -> Iterable[str]:
    count, text = _count(options), options["--text"]
    if text is None and count is None:
        return (line for line in lines() if line.strip())
    if count is None:
        return [text]
    return [f"{text or 'message'} {number}" for number in range(1, count + 1)]


def _count(options: Options) -> int | None:
    given = options["--count"]
    if given is None:
        return None
    if not given.isdecimal() or not int(given):
        raise OperatorFault(f"--count {given}: write a number above 0")
    return int(given)


def _since(began: float) -> int:
    return round(1000 * (time.monotonic() - began))
