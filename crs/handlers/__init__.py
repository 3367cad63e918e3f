"""The whole vocabulary on one screen: which method goes to which handler, with what, and who may use it when."""

from ..wire import vocabulary as p
from . import admin, change, info, message, object, push, register, room, session, storage, update
from .dispatch import Command

ATTACHED = frozenset({"negotiated", "registered"})
ONLY_REGISTERED = frozenset({"registered"})
CLIENT, ADMIN = frozenset({"client"}), frozenset({"admin"})

FOR_CLIENTS = (
    ("register", register.register, p.Register, p.Registered, ATTACHED, "announce this device"),
    ("unregister", register.unregister, p.Nothing, p.Done, ONLY_REGISTERED, "leave; the connection stays"),
    ("session.invite", session.invite, p.Invite, p.Invited, ONLY_REGISTERED, "call somebody"),
    ("session.ringing", session.ringing, p.SessionOnly, p.Sequenced, ONLY_REGISTERED, "the called device rings"),
    ("session.accept", session.accept, p.Accept, p.Sequenced, ONLY_REGISTERED, "take the call"),
    ("session.hangup", session.hangup, p.Hangup, p.Sequenced, ONLY_REGISTERED, "end or refuse the call"),
    ("session.change", change.change, p.Change, p.Relayed, ONLY_REGISTERED, "offer, answer or refuse other media"),
    ("session.relay", change.relay, p.SessionOnly, p.Relayed, ONLY_REGISTERED, "allocate the relay legs anew"),
    ("session.list", session.list_sessions, p.Nothing, p.SessionList, ONLY_REGISTERED, "the live calls of this device"),
    ("room.lookup", room.lookup, p.LookupRoom, p.FoundRooms, ONLY_REGISTERED, "which conference rooms are that"),
    ("room.join", room.join, p.JoinRoom, p.JoinedRoom, ONLY_REGISTERED, "take part in a conference"),
    ("room.leave", room.leave, p.LeaveRoom, p.Done, ONLY_REGISTERED, "leave a conference"),
    ("message.post", message.post, p.Post, p.Posted, ONLY_REGISTERED, "leave a message in a mailbox"),
    ("message.fetch", message.fetch, p.Fetch, p.Fetched, ONLY_REGISTERED, "read from the own mailbox"),
    ("message.ack", message.ack, p.Ack, p.Acked, ONLY_REGISTERED, "acknowledge what was read"),
    ("object.put", object.put, p.PutObject, p.Done, ONLY_REGISTERED, "store the client token"),
    ("object.lookup", object.lookup, p.LookupObject, p.FoundObject, ONLY_REGISTERED, "who is that, with which keys"),
    ("storage.put", storage.put, p.PutBlob, p.PutDone, ONLY_REGISTERED, "store a value for all own devices"),
    ("storage.get", storage.get, p.BlobType, p.FoundBlob, ONLY_REGISTERED, "read a stored value"),
    ("storage.delete", storage.delete, p.BlobType, p.Done, ONLY_REGISTERED, "delete a stored value"),
    ("storage.list", storage.list_types, p.Nothing, p.BlobList, ONLY_REGISTERED, "what is stored, without the values"),
    ("info.put", info.put, p.PutInfo, p.Done, ONLY_REGISTERED, "tell the operator of this client"),
    ("info.delete", info.delete, p.Nothing, p.Done, ONLY_REGISTERED, "take back what was told"),
    ("push.put", push.put, p.PutPushTokens, p.Done, ONLY_REGISTERED, "how this device is woken"),
    ("push.delete", push.delete, p.Nothing, p.Done, ONLY_REGISTERED, "this device is not to be woken"),
    ("update.list", update.list_updates, p.Nothing, p.UpdateList, ONLY_REGISTERED, "which crypto updates are held"),
    ("update.fetch", update.fetch, p.MonthOnly, p.UpdateBody, ONLY_REGISTERED, "fetch a crypto update"),
    ("update.confirm", update.confirm, p.MonthOnly, p.Done, ONLY_REGISTERED, "confirm a crypto update"),
)
FOR_ADMINS = (
    ("admin.accounts", admin.accounts, p.Nothing, p.AdminAccounts, ATTACHED, "what this admin may do"),
    ("admin.update.part", admin.upload, p.UploadPart, p.Done, ATTACHED, "send a part of an update file"),
    ("admin.update.apply", admin.apply, p.ApplyUpdate, p.AppliedUpdate, ATTACHED, "apply the update file"),
    ("admin.statistics.enable", admin.enable, p.AccountOnly, p.Done, ATTACHED, "collect statistics"),
    ("admin.statistics.disable", admin.disable, p.AccountOnly, p.Done, ATTACHED, "collect no statistics"),
    ("admin.statistics.clear", admin.clear, p.AccountOnly, p.ClearedStatistics, ATTACHED, "forget statistics"),
    ("admin.statistics.export", admin.export, p.ExportStatistics, p.StatisticsRows, ATTACHED, "read statistics"),
)

COMMANDS: dict[str, Command] = {
    method: Command(handler, params, result, states, kinds, summary)
    for kinds, rows in ((CLIENT, FOR_CLIENTS), (ADMIN, FOR_ADMINS))
    for method, handler, params, result, states, summary in rows
}
