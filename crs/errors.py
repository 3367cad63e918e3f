"""Every error that a client or an operator is shown, as a class with the code that the other side sees.

The base class says whose fault it was: ``ClientFault`` (the request), ``WorldFault`` (a store, a link, a disk: try
again), ``OperatorFault`` (a file, an argument). Codes below 0 are JSON-RPC 2.0's own; the others are the SIP response
codes (RFC 3261, chapter 21) with the same meaning.
"""


class CrsError(Exception):
    """Base of all errors of the CRS. ``str(error)`` is one line, fit to be shown."""


class RpcError(CrsError):
    """An error that a client sees as a JSON-RPC error object.

    ``code`` is the JSON-RPC error code, ``error`` the stable word in ``data.error``; ``details`` are
    further members of ``data`` (plain JSON values, never a secret).
    """

    code = -32603
    error = "internal"
    retry = False

    def __init__(self, text: str = "", **details: object):
        super().__init__(text or self.error.replace("-", " "))
        self.details = details

    def data(self) -> dict[str, object]:
        """The ``data`` member of the JSON-RPC error object."""
        data: dict[str, object] = {"error": self.error}
        if self.retry:
            data["retry"] = True
        data.update(self.details)
        return data


class ClientFault(RpcError):
    """The request was wrong; the same request will fail again."""


class WorldFault(RpcError):
    """The request was good, but the host could not serve it; the same request may succeed later."""

    retry = True


class ParseError(ClientFault):
    code, error = -32700, "parse-error"


class InvalidRequest(ClientFault):
    code, error = -32600, "invalid-request"


class MethodNotFound(ClientFault):
    code, error = -32601, "method-not-found"


class InvalidParams(ClientFault):
    code, error = -32602, "invalid-params"


class NotRegistered(ClientFault):
    """The method needs a registered client (or, for register, one that is not registered yet)."""

    code, error = 403, "not-registered"


class Denied(ClientFault):
    """This user may not do this: blacklisted, wrong kind of user."""

    code, error = 403, "denied"


class DomainNotConnected(ClientFault):
    """The two security domains are not connected with each other in both directions."""

    code, error = 403, "domain-not-connected"


class NotFound(ClientFault):
    """No such client in the own account or any connected domain."""

    code, error = 404, "not-found"


class Refused(ClientFault):
    """What an admin sent is not accepted; the message says why, and nothing was changed."""

    code, error = 406, "refused"


class Conflict(ClientFault):
    """The state of the call does not allow this, or an id was used again for something else."""

    code, error = 409, "conflict"


class TooLarge(ClientFault):
    code, error = 413, "too-large"


class QuotaExceeded(ClientFault):
    """The receiver's mailbox (or the own storage) is full."""

    code, error = 429, "quota-exceeded"


class NotConnected(ClientFault):
    """The called party has no registered device."""

    code, error = 480, "not-connected"


class NoSuchSession(ClientFault):
    code, error = 481, "no-such-session"


class Busy(WorldFault):
    """A limit of this host is reached (relays of a kind, requests under way)."""

    code, error = 486, "limit-reached"


class Unavailable(WorldFault):
    """The store or the relay did not answer; nothing was acknowledged."""

    code, error = 503, "try-again"


class Internal(WorldFault):
    code, error = -32603, "internal"


class OperatorFault(CrsError):
    """Something the operator gave is wrong: an argument, a file. One line with the remedy; exit code 1."""


class UpdateRefused(OperatorFault):
    """An update file was refused; nothing was changed. Subclasses in ``trust.update`` say why."""
