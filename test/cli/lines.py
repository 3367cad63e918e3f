"""A right command line for every action."""

from crs.cli.actions import ACTIONS

NUMBER, PEER_SECRET = "+46701111111", "c2VjcmV0b2Z0aGVwZWVyY3Jz"

RIGHT = {
    "<account-id>": "acme",
    "<uri>": NUMBER,
    "<name>": "ann",
    "<number>": "123456",
    "<ip>": "192.0.2.7",
    "<shared-secret>": PEER_SECRET,
    "<authorization>": "update",
    "<update-file>": "/nowhere/at/all.upd",
    "<tag>": "id-202611-mfrgg",
}


def positionals(name: str) -> list[str]:
    return [word for word in ACTIONS[name].arguments.split() if word.startswith("<")]


def line_of(name: str, **instead) -> str:
    return " ".join([name, *(instead.get(argument, RIGHT[argument]) for argument in positionals(name))])
