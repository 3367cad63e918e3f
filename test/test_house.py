"""The house itself: who may import whom, which module has no test of its name, what every file begins with."""

import ast
import graphlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import LONGEST

CRS = Path(__file__).parents[1] / "crs"
TESTS = Path(__file__).parent
SOURCES = sorted(CRS.rglob("*.py"))

# Each room of crs/ and the rooms that it imports, all of which stand above it. "root" is crs/ itself.
ROOMS = {
    "root": "",
    "loop": "root",
    "wire": "root",
    "home": "root",
    "config": "root home",
    "trust": "root wire home",
    "net": "root loop wire",
    "relay": "root loop wire home",
    "store": "root loop home trust",
    "telemetry": "root home config trust relay store",
    "service": "root loop wire home config trust relay store telemetry",
    "handlers": "root wire trust store service",
    "upkeep": "root loop wire store telemetry service",
    "modules": "root loop wire home config trust net relay store service handlers upkeep",
    "daemon": "root loop home config trust net relay store telemetry modules",
    "client": "root loop wire trust net",
    "cms": "root wire home trust",
    "health": "root wire home config trust relay store daemon client",
    "cli": "root loop home config trust relay store telemetry service daemon health",
    "docs": "root wire config handlers daemon cli",
}

# A module of crs/ without a file of its name in test/, and why: where it is tested instead.
UNTESTED = {
    "cli/actions.py": "a table; test/cli/test_usage.py and test/cli/test_completion.py compare it with the pages",
    "cli/health.py": "test/health/test_health.py",
    "cli/nagios.py": "test/health/test_nagios.py",
    "cli/options.py": "test/cli/test_arguments.py, test/cli/test_usage.py",
    "handlers/admin.py": "test/dialogues/admin.dialogue",
    "handlers/info.py": "test/dialogues/storage.dialogue",
    "handlers/message.py": "test/dialogues/message.dialogue, test/dialogues/deliver.dialogue",
    "handlers/object.py": "test/dialogues/domains.dialogue",
    "handlers/push.py": "test/dialogues/storage.dialogue",
    "handlers/register.py": "test/dialogues/devices.dialogue",
    "handlers/room.py": "test/dialogues/room.dialogue, test/dialogues/test_rooms.py",
    "handlers/session.py": "test/dialogues/call.dialogue, test/dialogues/group.dialogue",
    "handlers/storage.py": "test/dialogues/storage.dialogue",
    "handlers/update.py": "test/dialogues/storage.dialogue, test/faults/test_trust.py",
    "health/media.py": "test/health/test_health.py: packets through the relay of a host",
    "health/visitor.py": "test/health/test_health.py: test clients at a host",
    "modules/attach.py": "test/directives/test_connection.py at a host, test/loop/test_garbage.py in one process",
    "modules/relay.py": "one import; test/relay/running.py starts it as a process",
    "net/psk_build.py": "run at installation; test/net/test_tls.py runs it and uses what it built",
    "service/crypto.py": "test/faults/test_trust.py: crypto updates offered, fetched, confirmed",
    "service/events.py": "test/service/test_calls.py, test/service/test_delivery.py, test/dialogues/test_statistics.py",
    "service/loading.py": "test/faults/test_trust.py: accounts and updates that change at a host",
    "service/monthly.py": "test/cli/test_updates.py by the operator, test/dialogues/admin.dialogue by a remote admin",
    "service/reports.py": "test/dialogues/message.dialogue, test/dialogues/devices.dialogue",
    "service/rooms.py": "test/dialogues/room.dialogue, test/dialogues/test_rooms.py",
    "service/rules.py": "test/service/test_accounts.py",
    "service/worker.py": "it puts the services together: test/upkeep/test_decisions.py, and all tests at a host",
    "store/acknowledgement.py": "test/store/test_mailbox.py, test/store/test_mailbox_model.py",
    "store/commands.py": "test/store/test_pipe.py, test/store/test_direct.py: both kinds of connection",
    "store/figures.py": "test/directives/test_metrics.py",
    "store/items.py": "test/store/test_mailbox.py, test/store/test_mailbox_model.py",
    "store/probes.py": "test/health/test_health.py: what a killed health check leaves is erased",
    "store/schema.py": "names alone; test/faults/test_stored.py writes some of them out",
    "store/uploads.py": "test/dialogues/admin.dialogue",
    "telemetry/exporter.py": "test/directives/test_metrics.py, asked as Prometheus asks",
    "telemetry/metrics.py": "test/directives/test_metrics.py, test/test_dashboard.py",
    "upkeep/bookkeeping.py": "test/directives/test_metrics.py, test/health/test_health.py (ledgers)",
    "upkeep/deadlines.py": "test/directives/test_times.py, test/dialogues/test_rooms.py",
    "upkeep/tasks.py": "it starts the others of its room: all tests at a host",
}


def name_of(path: Path) -> str:
    """The dotted name of a module, that of its package for ``__init__.py``."""
    parts = path.relative_to(CRS.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """The room that a module of crs is in."""
    first = module.split(".")[1:2]
    return first[0] if first and (CRS / first[0]).is_dir() else "root"


MODULES = {name_of(path): path for path in SOURCES}


def imported(source: str, package: str) -> set[str]:
    """The modules of crs that a source of ``package`` imports, also inside functions; not what is for types alone."""
    found = set()
    for node in _run(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "crs"}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            if base.split(".")[0] == "crs":
                names = {f"{base}.{alias.name}" for alias in node.names}
                found |= {name if name in MODULES else base for name in names}
    return found


def _run(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below, except what stands under ``if TYPE_CHECKING``."""
    yield node
    children = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        children = iter(node.orelse)
    for child in children:
        yield from _run(child)


def imports_of(module: str) -> set[str]:
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return imported(path.read_text(), package) - {module}


# --- who imports whom -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_those_that_the_table_says_and_they_stand_above_it(room):
    above = list(ROOMS)[: list(ROOMS).index(room)]
    given = set(ROOMS[room].split())
    assert given <= set(above)
    found: dict[str, list[str]] = {}
    for module in filter(lambda module: room_of(module) == room, MODULES):
        for other in imports_of(module):
            found.setdefault(room_of(other), []).append(f"{module} imports {other}")
    found.pop(room, None)
    more = {other: where for other, where in found.items() if other not in given}
    assert not more, f"{room} imports rooms that the table does not give it"
    assert set(found) == given, f"the table gives {room} more rooms than it imports"


def test_every_room_is_in_the_table():
    assert {room_of(module) for module in MODULES} == set(ROOMS)


def test_no_modules_import_each_other_in_a_circle():
    graphlib.TopologicalSorter({module: imports_of(module) for module in MODULES}).prepare()  # raises CycleError


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("import crs.log", {"crs.log"}),
        ("import json, crs.store.pipe as pipe", {"crs.store.pipe"}),
        ("from crs.store import Store, pipe", {"crs.store", "crs.store.pipe"}),
        ("from .. import log, names", {"crs.log", "crs.names"}),
        ("from . import paths", {"crs.home.paths"}),
        ("from ..wire.stun import parse", {"crs.wire.stun"}),
        ("def f():\n    from .paths import Home", {"crs.home.paths"}),
        ("if TYPE_CHECKING:\n    from .. import log\nelse:\n    from .. import names", {"crs.names"}),
        ("from json import loads\nimport crsx", set()),
    ],
)
def test_imports_are_found(source, modules):
    assert imported(source, "crs.home") == modules


# --- tests by name --------------------------------------------------------------------------------------------------


def test_each_module_has_a_test_of_its_name_or_a_reason():
    modules = {path.relative_to(CRS) for path in SOURCES if path.name != "__init__.py"}
    without = {str(path) for path in modules if not (TESTS / path.parent / f"test_{path.name}").exists()}
    assert without - set(UNTESTED) == set(), "these have no test of their name: write one, or say why in UNTESTED"
    assert set(UNTESTED) - without == set(), "these have a test of their name now, or are gone: take them out"


@pytest.mark.parametrize("module", UNTESTED)
def test_a_reason_names_no_test_that_is_gone(module):
    named = [TESTS.parent / name for name in re.findall(r"\btest/[\w/.]*\w", UNTESTED[module])]
    assert UNTESTED[module] and all(map(Path.exists, named))


def test_the_files_that_go_first_are_there():
    assert [file for file in LONGEST if not (TESTS / file).exists()] == []


# --- every file -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_file_opens_with_what_is_in_it(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_only_what_all_rooms_stand_on_lies_in_none():
    assert {path.stem for path in CRS.glob("*.py")} == {"__init__", "errors", "log", "names", "slots", "systemd"}


def test_the_processes_of_a_host_are_named_in_their_table_alone():
    named = {str(path.relative_to(CRS)) for path in SOURCES if "app:attach" in path.read_text()}
    assert named == {"daemon/processes.py"}
