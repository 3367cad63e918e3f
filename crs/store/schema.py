"""The schema: every key and channel of both Redis servers, what it holds, field by field. No other file names any.

A client's key carries its URI in braces, the hash tag, so that all of them fall into the client's slot and one script
may touch several; the account behind it keeps clients of different domains apart. The same holds for a call's id.
Times are milliseconds since 1970-01-01 UTC. A *bucket* is a group of slots (``crs.slots``).
"""

from ..names import Client

CALLS_DUE = "call"  # kinds of due lists
CONFERENCES_DUE = "conference"
MAIL_DUE = "mail"
DEVICES_DUE = "device"


def tagged(prefix: str, client: Client) -> str:
    """``prefix:{uri}@account``."""
    return f"{prefix}:{{{client.uri}}}@{client.account}"


def client_of(key: bytes) -> Client:
    """The client whose key this is; of a box, too."""
    uri, _, rest = key.decode().partition("{")[2].partition("}@")
    return Client(uri, rest.partition(":")[0])


def line_of(key: bytes) -> bytes:
    """A client's key, written so that it sorts as its client does: by URI, and then by account."""
    return key.replace(b"}@", b"\0", 1)


def key_of(line: bytes) -> bytes:
    """The key whose ``line_of`` this is."""
    return line.replace(b"\0", b"}@", 1)


# --- redis_high: what changes quickly and may be lost with the host -------------------------------------------------


def directory(client: Client) -> str:
    """Hash: the devices that are registered now. Device id -> ``directory.Entry`` as JSON."""
    return tagged("dir", client)


def attached(host: str) -> str:
    """Hash: what the workers of a host have put into the directory. Connection id -> ``<worker> <device id> <client>``.

    Written before the directory, removed after it: the successor of a dead worker finds here all that it left.
    """
    return f"attached:{host}"


def processes() -> str:
    """Hash: the worker processes. ``<host> <worker>`` -> ``directory.Process`` as JSON, renewed every few seconds."""
    return "processes"


def call(session: str) -> str:
    """Hash: one call; the fields are those of ``calls.Call``. It expires some time after the call has ended."""
    return f"call:{{{session}}}"


def calls_of(client: Client) -> str:
    """Set: ids of the calls of a client. May still hold calls that have ended."""
    return tagged("calls", client)


def conference(room: str) -> str:
    """Hash: the conference in a room ``<number>@<account>``, while anybody is in it. ``session``, ``seq``, ``created``
    as in ``conferences.Conference``; ``member <device id> <client>`` -> ``conferences.Member`` as JSON;
    ``away <device id> <client>`` -> since when that member was not seen, ms."""
    return f"conference:{{{room}}}"


def conferences_of(client: Client) -> str:
    """Set: rooms ``<number>@<account>`` that devices of a client are in. May still hold some that it has left."""
    return tagged("conferences", client)


def figures() -> str:
    """Hash: counters for the metrics. Name, a blank, label -> number; see ``crs.telemetry.metrics``."""
    return "figures"


def conservation() -> str:
    """Hash: what the workers found when they compared the ledgers. Worker -> ``conservation._Found`` as JSON."""
    return "conservation"


def wake(host: str, worker: str) -> str:
    """Channel of one worker; ``wake.lua`` builds its name likewise. Message: see ``wakeups``."""
    return f"wake:{host}:{worker}"


ALL_WORKERS = "reload"  # Channel of all workers. Message: see ``wakeups``.


def trace(element: str) -> str:
    """Channel of one traced element (manual, chapter 5, trace). Message: JSON array of the event's fields."""
    return f"trace:{element}"


# --- redis_low: what must last --------------------------------------------------------------------------------------


def mail(client: Client) -> str:
    """Hash: the items of a mailbox. Ref -> header as JSON (``mailbox.Header``), line feed, body.

    An item is here once, and as long as one device's box (below) holds its ref.
    """
    return tagged("mail", client)


def box(client: Client, device: str) -> str:
    """Sorted set: one device's copy of the mailbox. Member ref, score seq: a number that only grows in a mailbox,
    at least the time of storing in ms, so that it grows also where the counter was lost."""
    return f"{tagged('box', client)}:{device}"


def tombs(client: Client) -> str:
    """Sorted set: every ref that was ever stored and whose time is not over, also when it is deleted by now. Score:
    when it expires. What is here is not stored again."""
    return tagged("tomb", client)


def firsts(client: Client) -> str:
    """Hash: for each ref in the tombs, what was first stored under it: when, a blank, and a digest of it."""
    return tagged("first", client)


def ledger(client: Client) -> str:
    """Hash: figures of the mailbox. ``seq`` the last that an item got; ``shown`` the highest that a device was given;
    ``count`` and ``bytes`` of the messages held (reports do not count: they are exempt from quota). ``posted``,
    ``received``, ``acked``, ``expired``, ``purged``, ``forwarded``: items, reports too, as in
    ``conservation.Sheet``."""
    return tagged("ledger", client)


def devices(client: Client) -> str:
    """Hash: the secondary devices that have a box of their own. Device id -> when it was last seen registered."""
    return tagged("devices", client)


def statistics(client: Client) -> str:
    """Hash: ``post`` messages posted by the client, ``deliv`` acknowledged to it, ``read`` when it last fetched, or
    acknowledged what it held."""
    return tagged("stat", client)


def usage(client: Client) -> str:
    """Hash: what the client did while statistics were enabled for its account. Column of ``stats export`` -> number."""
    return tagged("usage", client)


def info(client: Client) -> str:
    """String: what the client told of itself, ``objects.Info`` as JSON."""
    return tagged("info", client)


def push(client: Client) -> str:
    """Hash: push tokens. Device id -> ``objects.PushTokens`` as JSON."""
    return tagged("push", client)


def storage(client: Client) -> str:
    """Hash: what the client stores for itself. Type -> when it was stored (ms), space, the id under which it was put,
    line feed, the value, opaque. The quota counts the bytes of type and all of this."""
    return tagged("storage", client)


def token(client: Client) -> str:
    """Hash: the client token. ``value`` as the client stored it, ``updated`` when."""
    return tagged("token", client)


def confirmed(client: Client) -> str:
    """Hash: crypto updates that the client has taken. Month -> when."""
    return tagged("confirm", client)


def observed(account: str) -> str:
    """Set: URIs of clients that registered with a good key without being listed (design: keys and TLS)."""
    return f"observed:{account}"


def upload(admin: str) -> str:
    """Hash: the file that a remote admin is sending in parts, for an hour. ``id`` the admin's name for it; number of a
    part -> that part."""
    return f"upload:{{{admin}}}"


def probes() -> str:
    """Sorted set: the test clients of health checks, score: until when their health check says that it works (ms)."""
    return "probes"


def records(kind: str) -> str:
    """Hash: the records of one kind (the kinds are in ``accounts`` and ``operator``).

    Element -> ``records.Record`` as JSON.
    """
    return f"obj:{{operator}}:{kind}"


def clock() -> str:
    """Hash: ``version`` grows with every change of a record, ``t`` is the time stamp of the newest (``records``)."""
    return "obj:{operator}:clock"


def crypto_updates(account: str, month: str) -> str:
    """Hash: the crypto updates of one monthly update. URI -> what the CMS left for that client, opaque."""
    return f"obj:{{operator}}:crypto:{account}.{month}"


def all_low(client: Client, device: str) -> tuple[str, ...]:
    """Every key of redis_low that belongs to a client whose only box ever was that of ``device``."""
    return (
        mail(client),
        box(client, device),
        tombs(client),
        firsts(client),
        ledger(client),
        devices(client),
        statistics(client),
        usage(client),
        info(client),
        push(client),
        storage(client),
        token(client),
        confirmed(client),
    )


def all_high(client: Client) -> tuple[str, ...]:
    """Every key of redis_high that belongs to a client."""
    return directory(client), calls_of(client), conferences_of(client)


# --- both -----------------------------------------------------------------------------------------------------------


def due(kind: str, bucket: int) -> str:
    """Sorted set: what has a deadline. Score: when to look. An entry is written before the fact it stands for and
    removed after the work is done; an entry too many costs a look. Members, by kind:
    ``call`` (high) session id: every call that has not ended is here, exactly once;
    ``conference`` (high) ``<number>@<account>``: likewise every room that somebody is in;
    ``mail`` (low) ``<time> <client>``; ``device`` (low) ``<time> <device id> <client>``.
    """
    return f"due:{kind}:{bucket}"
