"""Where a client attaches: a DNS name or an IP address, and a port.

As text: ``host``, ``host:port`` or ``[IPv6 address]:port``.
"""

import ipaddress
import re
from typing import Annotated

from msgspec import Meta, Struct

from crs.errors import OperatorFault
from crs.trust import fields

PORT = 5223

_TEXT = re.compile(
    r"""(?: \[ (?P<ipv6> [^\[\]]+ ) \]
          | (?P<host> (?=.{1,253}(:|$)) (?!-) [A-Za-z0-9-]{1,63} (\.[A-Za-z0-9-]{1,63})* \.? ) )
        (?: : (?P<port> [0-9]{1,5} ) )?""",
    re.VERBOSE,
)


class ServerAddress(Struct, forbid_unknown_fields=True, frozen=True):
    """A DNS name (all its addresses are tried) or an IP address, with the TCP port."""

    host: Annotated[str, Meta(min_length=1, max_length=253)]
    port: Annotated[int, Meta(ge=1, le=65535)]


def parse(text: str) -> ServerAddress:
    """The address that was typed; the port is PORT unless given. Raises OperatorFault."""
    match = _TEXT.fullmatch(text)
    if match and (_is_ipv6(match["ipv6"]) if match["ipv6"] else match["host"]):
        port = int(match["port"] or PORT)
        if 1 <= port <= 65535:
            return ServerAddress(match["ipv6"] or match["host"], port)
    raise OperatorFault(
        f"server {fields.printable(text)!r} is not valid: write host:port, such as crs.example.org:5223"
    )


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
