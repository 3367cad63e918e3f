"""Actions about what clients store here: show client-info and client-storage, delete client-info (manual, 5.4)."""

from ..errors import OperatorFault
from . import known
from .actions import Arguments
from .host import LocalHost
from .output import Line, ResultTable, Utc


def infos(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``show client-info``. Client Time: by how many seconds the client's clock is ahead of the host's."""
    rows = (
        (
            client.uri,
            Utc(info.time),
            round((info.client_time - info.time) / 1000, 1),
            None if info.scan_time is None else Utc(info.scan_time),
            info.os,
            info.os_version,
            info.version,
        )
        for client, info in host.store.objects.all_info(known.account(host, arguments))
    )
    return ResultTable(("Uri", "Timestamp", "Client Time", "Scan Time", "OS", "OS Version", "CCA Version"), rows)


def delete_info(host: LocalHost, arguments: Arguments) -> Line:
    """``delete client-info``."""
    client = known.client(host, arguments)
    if not host.store.objects.delete_info(client):
        raise OperatorFault(
            f"{client.uri} of account {client.account} has told nothing about itself; "
            f"crs-cli show client-info {client.account} shows who has"
        )
    return Line(f"client info of {client.uri} deleted", {"account": client.account, "uri": client.uri})


def storage(host: LocalHost, arguments: Arguments) -> ResultTable:
    """``show client-storage``."""
    rows = (
        (host.conf.name, held.client.uri, held.bytes, Utc(held.updated), held.type)
        for held in host.store.objects.storage(known.account(host, arguments))
    )
    return ResultTable(("Server", "Uri", "Bytes", "Last Updated", "Type"), rows)
