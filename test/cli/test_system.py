"""show system, show version, check slot."""

import json
import os

import pytest

from crs.cli.output import Line
from crs.errors import OperatorFault


@pytest.fixture
def supervised(home):
    """Say which processes there are, as the supervisor does; all of them are this one."""

    def write(*processes):
        home.processes.write_text(json.dumps([{"pid": os.getpid(), **process} for process in processes]))

    return write


def test_show_system(operator, home, supervised):
    home.local_conf.write_text("crsname crs1\nattach-workers 3\n")
    supervised(
        {"process": "redis_low"},
        {"process": "app:attach", "index": 0},
        {"process": "app:attach", "index": 2},
        {"process": "crs_relay", "pid": 2**22 + 1},
    )
    home.started_with.mkdir()
    for path in (home.conf, home.local_conf, home.relay_conf):
        (home.started_with / path.name).write_text(path.read_text())
    home.local_conf.write_text("crsname crs1\nattach-workers 2\n")  # what counts is what the host runs by
    pid = os.getpid()
    table = operator("show system")
    assert table.columns == ("SERVER", "PROCESS", "PID", "SLOTS")
    assert table.rows == [
        ("crs1", "redis_low", pid, None),
        ("crs1", "app:attach", pid, "0-5631"),
        ("crs1", "app:attach", pid, "11008-16383"),
    ]


@pytest.mark.parametrize("processes", [(), ({"process": "redis_low", "pid": 2**22 + 1},)])
def test_show_system_of_a_host_that_is_not_running(operator, home, supervised, processes):
    if processes:
        supervised(*processes)
    with pytest.raises(OperatorFault) as caught:
        operator("show system")
    assert str(caught.value) == f"the host is not running; start it: crsd --home {home}"


def test_show_version(operator):
    assert operator("show version") == Line("5.0.0", {"version": "5.0.0"})


@pytest.mark.parametrize(
    ("uri", "slot"), [("+46701234567", 1296), ("'tel:+46 70 123 45 67'", 1296), ("urn:x-crs:client:desk", 9738)]
)
def test_check_slot(operator, uri, slot):
    assert operator(f"check slot {uri}").text == str(slot)
