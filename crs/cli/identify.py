"""The action identify: whose tag in crs.log this is."""

from ..errors import OperatorFault
from ..telemetry.tags import Tags, key, taken_apart
from .actions import Arguments
from .host import LocalHost
from .output import Line
from .progress import Progress


def tag(host: LocalHost, arguments: Arguments) -> Line:
    """``identify``. A number is opened with the key of the host; a token is looked for among all that are held."""
    given = arguments["<tag>"]
    kind, month, _ = taken_apart(given)
    tags = Tags(key(host.home), lambda: month)
    if kind == "token":
        return _token(host, tags, given, month)
    try:
        uri = tags.open(given)
    except ValueError as error:
        raise OperatorFault(f"{error}, or not complete; the key that made it is in the backups of that time") from None
    return Line(uri, {"tag": given, "uri": uri})


def _token(host: LocalHost, tags: Tags, given: str, month: str) -> Line:
    count = 0
    with Progress("tokens") as progress:
        for count, (client, what, token) in enumerate(host.store.objects.each_token(), 1):
            progress.at(count)
            if tags.token(token, month) == given:
                return Line(
                    f"{client}, {what}", {"tag": given, "uri": client.uri, "account": client.account, "token": what}
                )
    raise OperatorFault(
        f"none of the tokens that clients have here ({count}) has the tag {given}; it may be gone, "
        "or be that of another host"
    )
