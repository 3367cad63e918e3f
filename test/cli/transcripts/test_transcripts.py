"""Plays every transcript against a real host; together they have every line of the manual's chapter 5."""

from pathlib import Path

import pytest

from crs.cli.actions import ACTIONS

from . import Transcript

FILES = sorted(Path(__file__).parent.glob("*.transcript"))


# The actions of the manual's chapter 5.4, in its order; health-check is played by its own tests.
MANUAL = """
apply
backup
show: attach blacklist session message system version iw-crs account relay relays admins admin admin-accounts updates
    services client-info push-token client-storage
create: account sharedSecret admin conference-room
reload: account
delete: account iw-crs admin admin-account admin-account-authorization client-info conference-room
list: account iw-crs conference-room
blacklist: add remove
purge: client clients observed
add: iw-crs admin-account admin-account-authorization
lookup: client conference-room
trace: attach session message object event connection statistics
stats: enable disable clear export
check: slot
wakeup: client
update-notification: enable disable
"""


def manual() -> list[str]:
    names = []
    for line in MANUAL.replace("\n    ", " ").split("\n")[1:-1]:
        first, _, seconds = line.partition(":")
        names += [f"{first} {second}" for second in seconds.split()] or [first]
    return names


def test_every_action_of_the_manual_is_there_and_in_a_transcript():
    played = "\n".join(path.read_text() for path in FILES)
    missing = [
        name
        for name in manual()
        if name not in ACTIONS or f"$ crs-cli {name} " not in f"{played} ".replace("\n", " \n")
    ]
    assert missing == []


@pytest.fixture(scope="module")
def values(host, domains, tmp_path_factory):
    """What ``$name`` stands for in all transcripts."""
    domain, folder = domains["acme"], tmp_path_factory.mktemp("updates")
    (month,) = domain.months
    again = folder / "again.upd"
    again.write_bytes(domain.update(month))
    return {
        "home": host.home,
        "again": again,
        "secret": domain.secret,
        "acme_path": host.home / "accounts" / "acme",
        "version": __import__("crs").__version__,
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_transcript(path, host, domains, values):
    Transcript(path.read_text(), host, domains, values).play()
