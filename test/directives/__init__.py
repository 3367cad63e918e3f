"""Each directive that ``crs/config/directives.py`` calls effective changes what a real host does.

Each test says with ``shows`` which directives it is about; ``test_all`` compares that with the table.
"""

SHOWN: dict[str, list[str]] = {}


def shows(*names: str):
    """Decorates a test that fails where one of these directives has no effect."""

    def note(test):
        for name in names:
            SHOWN.setdefault(name, []).append(test.__qualname__)
        return test

    return note


def number(index: int) -> str:
    """The number of client ``index`` (0 to 19) of the domain acme."""
    return f"+46700000{index:03d}"


NUMBERS = [number(index) for index in range(20)]
