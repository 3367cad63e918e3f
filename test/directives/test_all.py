"""Every effective directive has a test here, and every test here is about an effective directive."""

import pkgutil
from importlib import import_module

from crs.config.directives import DIRECTIVES

from . import SHOWN, __name__, __path__


def test_every_effective_directive_is_shown():
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    effective = {row.name for row in DIRECTIVES if row.effective and not row.obsolete}
    assert set(SHOWN) == effective
