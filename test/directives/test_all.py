"""No effective directive is without a test, and no test is about a directive that there is not."""

import pkgutil
from importlib import import_module

from crs.config.directives import DIRECTIVES

from . import SHOWN, __name__, __path__


def test_every_effective_directive_is_shown():
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    effective = {row.name for row in DIRECTIVES if row.effective and not row.obsolete}
    assert set(SHOWN) == effective
