"""The layers of the relay are those that ``crs/relay/__init__.py`` tells of."""

import ast
import re
from pathlib import Path

import crs.relay

HERE = Path(crs.relay.__file__).parent
LAYERS = {"rules": ["seen", "leg", "conversation", "control"], "sockets": ["forward", "fast", "xdp", "loop", "server"]}
NOT_FOR_RULES = {"errno", "os", "select", "socket", "threading", "time"}


def imported(module: str) -> set[str]:
    """The last part of the names of modules that a module of the relay imports."""
    found = set()
    for node in ast.walk(ast.parse((HERE / f"{module}.py").read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name.rpartition(".")[2] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names] if node.module in (None, "crs", "crs.relay") else []
            found.update([*names, (node.module or "").rpartition(".")[2]])
    return found


def test_rules_have_no_sockets_no_threads_and_no_clock():
    above = {*LAYERS["sockets"], "bpf", "devices", "client"}
    for module in LAYERS["rules"]:
        assert not imported(module) & (NOT_FOR_RULES | above), module


def test_the_list_names_every_file_in_order():
    listed = re.findall(r"^ {4}(?:\w+ +| +)(\w+) {2,}\S", crs.relay.__doc__, re.MULTILINE)
    assert listed == [*LAYERS["rules"], *LAYERS["sockets"]]
    for module in HERE.glob("*.py"):
        assert re.search(rf"\b{module.stem}\b", crs.relay.__doc__) or module.stem == "__init__", module
