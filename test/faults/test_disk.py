"""A full disk: what cannot be written is not acknowledged, and what was acknowledged is not lost."""

import os
import subprocess

import gevent
import pytest

from ..hosts import Domain, Host, wait_for
from ..raw import RawClient, Refused
from .conftest import URIS

SIZE = 6 * 1024 * 1024  # bytes of the disk
BODY = "x" * 40_000
TRIES = 40  # refused posts in a row after which the disk counts as full for good


def small_disk(directory) -> list[str]:
    """The beginning of a command line that sees a disk of SIZE bytes at ``directory``."""
    own = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    if subprocess.run([*own, "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody but root make a mount name space")
    return [*own, "/bin/sh", "-c", f'mount -t tmpfs -o size={SIZE},mode=700 tmpfs {directory} && exec "$@"', "sh"]


def test_a_full_disk_acknowledges_nothing_and_loses_nothing(tmp_path):
    host = Host(tmp_path)
    try:
        host.start(*small_disk(host.home / "data"))
        domain = Domain(host, "acme", URIS)
        alice = RawClient(host.address, domain.month(URIS[0]))
        alice.register("a1")
        acknowledged = fill(alice)
        bob = RawClient(host.address, domain.month(URIS[1]))
        seen = wait_for(lambda: everything(bob), "the mailbox can be read")
        assert acknowledged == [identity for identity in seen if identity in set(acknowledged)]
        alice.close()
        bob.close()
    finally:
        host.stop()


def fill(alice) -> list[str]:
    """Post until the disk is full and stays full; the ids that were acknowledged."""
    acknowledged, refused = [], 0
    for number in range(1000):
        try:
            alice.call("message.post", {"id": f"m{number}", "to": URIS[1], "body": BODY})
            acknowledged.append(f"m{number}")
            refused = 0
        except Refused as told:
            assert (told.word, told.error["data"]["retry"]) == ("try-again", True)
            refused += 1
            if refused == TRIES:
                break
            gevent.sleep(0.05)  # Redis ends at a failed write, and is started again meanwhile
    assert acknowledged and refused == TRIES
    return acknowledged


def everything(bob) -> list[str] | None:
    """The ids in the mailbox; None while the store is away."""
    seen, after, more = [], 0, True
    try:
        bob.register("b1")
        while more:
            page = bob.call("message.fetch", {"after": after})
            seen += [item["id"] for item in page["messages"]]
            after = page["messages"][-1]["seq"] if page["messages"] else after
            more = page["more"]
    except Refused as told:
        assert told.word == "try-again", told
        return None
    return seen
