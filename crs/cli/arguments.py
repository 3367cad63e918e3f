"""The arguments of crs-cli: what each means, and which reader its text must pass."""

from .. import names
from ..store.operator import AUTHORIZATIONS
from . import reading
from .options import Parameter

ARGUMENTS: dict[str, Parameter] = {
    "<account-id>": Parameter("1 to 20 of a-z, A-Z, 0-9, '-' and '_'", names.account),
    "<authorization>": Parameter(
        "; ".join(f"{word}: {text}" for word, text in AUTHORIZATIONS.items()),
        reading.choice("authorization", AUTHORIZATIONS),
    ),
    "<ip>": Parameter("IP address of the instance, such as 192.168.1.2 or 2001:db8::1", reading.address),
    "<name>": Parameter("name of a remote admin: 1 to 20 of a-z, A-Z, 0-9, '-' and '_'", reading.admin),
    "<number>": Parameter("number of the conference room: 6 digits", reading.room),
    "<shared-secret>": Parameter(
        "as agreed with the other operator: a-z, A-Z, 0-9; '-' reads it from standard input", reading.plain_secret
    ),
    "<tag>": Parameter("as it stands in crs.log, such as id-202611-… or token-202611-…", reading.tag),
    "<update-file>": Parameter("path of the protected update file that the CMS wrote"),
    "<uri>": Parameter("a number such as +46701234567, or urn:x-crs:client:<name>", names.uri),
}
