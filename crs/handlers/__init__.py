"""The whole vocabulary on one screen: which method goes to which handler, with what, and who may use it when."""

from ..dispatch import Command
from ..protocol import (Accept, Ack, Acked, Change, Done, Fetch, Fetched, FoundObject, Hangup, Invite, Invited,
                        LookupObject, MonthOnly, Nothing, Post, Posted, PutObject, Register, Registered, Relayed,
                        Sequenced, SessionList, SessionOnly, UpdateBody)
from . import change, message, object, register, session, update

ATTACHED = frozenset({"negotiated", "registered"})
ONLY_REGISTERED = frozenset({"registered"})
CLIENT = frozenset({"client"})

COMMANDS: dict[str, Command] = {
    method: Command(handler, params, result, states, CLIENT, summary)
    for method, handler, params, result, states, summary in (
        ("register", register.register, Register, Registered, ATTACHED, "announce this device"),
        ("unregister", register.unregister, Nothing, Done, ONLY_REGISTERED, "leave; the connection stays"),
        ("session.invite", session.invite, Invite, Invited, ONLY_REGISTERED, "call somebody"),
        ("session.ringing", session.ringing, SessionOnly, Sequenced, ONLY_REGISTERED, "the called device rings"),
        ("session.accept", session.accept, Accept, Sequenced, ONLY_REGISTERED, "take the call"),
        ("session.hangup", session.hangup, Hangup, Sequenced, ONLY_REGISTERED, "end or refuse the call"),
        ("session.change", change.change, Change, Relayed, ONLY_REGISTERED, "offer, answer or refuse other media"),
        ("session.relay", change.relay, SessionOnly, Relayed, ONLY_REGISTERED, "allocate the relay legs anew"),
        ("session.list", session.list_sessions, Nothing, SessionList, ONLY_REGISTERED, "the live calls of this device"),
        ("message.post", message.post, Post, Posted, ONLY_REGISTERED, "leave a message in a mailbox"),
        ("message.fetch", message.fetch, Fetch, Fetched, ONLY_REGISTERED, "read from the own mailbox"),
        ("message.ack", message.ack, Ack, Acked, ONLY_REGISTERED, "acknowledge what was read"),
        ("object.put", object.put, PutObject, Done, ONLY_REGISTERED, "store the client token"),
        ("object.lookup", object.lookup, LookupObject, FoundObject, ONLY_REGISTERED, "who is that, with which keys"),
        ("update.fetch", update.fetch, MonthOnly, UpdateBody, ONLY_REGISTERED, "fetch a crypto update"),
        ("update.confirm", update.confirm, MonthOnly, Done, ONLY_REGISTERED, "confirm a crypto update"),
    )
}
