"""Actions about inter-working CRS instances: add, delete, list, show iw-crs (manual, chapters 4.5 to 4.7, 5.4).

This release keeps and shows the trust relations; it opens no links.
"""

from ..errors import OperatorFault
from ..trust import strength
from . import asking, reading
from .actions import Arguments
from .host import LocalHost
from .output import Line, ResultTable

NOT_CONNECTED = "not connected"
LINKS = ("SIGNAL-LINK", "SIGNAL-OUTGOING", "SIGNAL-INCOMING", "DATA-LINK", "DATA-OUTGOING", "DATA-INCOMING")


def add(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``add iw-crs``."""
    ip, secret, comment = arguments["<ip>"], arguments["<shared-secret>"], arguments["-c"] or ""
    if ip in host.store.operator.peers():
        raise OperatorFault(f"iw-crs {ip} exists already; to change it: crs-cli delete iw-crs {ip}, then add it again")
    if secret == reading.FROM_INPUT:
        secret = _typed()
    if strength.weak(secret):
        host.warn("the shared secret has less than 128 bits; both operators want a longer one")
    host.store.operator.put_peer(ip, secret, comment, host.now())
    return _listed({ip: (secret, comment)})


def delete(host: LocalHost, arguments: Arguments) -> Line:
    """``delete iw-crs``."""
    ip = arguments["<ip>"]
    if ip not in host.store.operator.peers():
        raise OperatorFault(f"there is no iw-crs {ip}; crs-cli list iw-crs shows which there are")
    host.store.operator.delete_peer(ip, host.now())
    return Line(f"iw-crs {ip} deleted", {"ip": ip})


def listing(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``list iw-crs``."""
    return _listed({ip: (peer.secret, peer.comment) for ip, peer in host.store.operator.peers().items()})


def show(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``show iw-crs``: one row for each instance, the state of its links."""
    rows = [(ip, *[NOT_CONNECTED] * len(LINKS), None) for ip in host.store.operator.peers()]
    if rows:
        host.warn("inter-working links are not connected in this release")
    return ResultTable(("IW-CRS", *LINKS, "VERSION"), rows)


def _listed(peers: dict[str, tuple[str, str]]) -> ResultTable:
    return ResultTable(("IP", "shared secret", "comment"), [(ip, *peer) for ip, peer in sorted(peers.items())])


def _typed() -> str:
    secret = asking.secret()
    try:
        if secret == reading.FROM_INPUT:
            raise ValueError("the shared secret is not valid: standard input has none")
        return reading.plain_secret(secret)
    except ValueError as error:
        raise OperatorFault(str(error)) from None
