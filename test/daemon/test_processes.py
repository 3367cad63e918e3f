"""The table of processes: what the manual calls them, that each row can be started, and that reading it is quick."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from crs.config.settings import Config
from crs.daemon import processes
from crs.daemon.processes import ATTACH, LEAVING, MODULES, PROCESSES, SERVERS
from crs.home.paths import Home


def test_the_manuals_names():
    assert [row.name for row in PROCESSES] == ["redis_high", "redis_low", "crs_relay", "app:attach"]
    assert [ATTACH.child(1), ATTACH.worker(1)] == ["app:attach:1", "attach:1"]
    assert [SERVERS[0].child(None), SERVERS[0].worker(None)] == ["redis_high", "redis_high"]
    assert processes.of_worker("attach:3") is ATTACH


def test_clients_are_told_first_and_redis_goes_last():
    assert LEAVING == ((("app:attach",), 10.0), (("crs_relay",), 5.0), (("redis_high", "redis_low"), 30.0))


@pytest.mark.parametrize("row", PROCESSES, ids=lambda row: row.name)
def test_a_row_can_be_started(row, tmp_path):
    home = Home(tmp_path)
    conf = Config(home, [])
    assert row.fsync if not row.module else find_spec(f"crs.modules.{row.module}")
    assert home.log / row.log in (home.crs_log, home.relay_log, home.log / f"{row.name}.log")
    assert set(row.needs) < {other.name for other in PROCESSES}
    assert row.indexes(conf.number) == ([0, 1] if row is ATTACH else [None])
    assert not row.port or conf.number(row.port) > 0


def test_each_module_has_one_row():
    assert len(MODULES) + len(SERVERS) == len(PROCESSES)


def test_the_table_is_read_quickly():
    """crs-cli reads it at every command."""
    program = (
        "import sys; before = set(sys.modules); import crs.daemon.processes; "
        "print(*sorted(name for name in set(sys.modules) - before if name.startswith('crs')))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert loaded.split() == ["crs", "crs.daemon", "crs.daemon.processes", "crs.names"]
