"""Whether this machine can build the C parts, which are optional."""

import importlib.util
import shutil
import sysconfig
from pathlib import Path


def can_build() -> bool:
    """Whether this machine has what C modules are built with: compiler, headers, setuptools."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    headers = Path(sysconfig.get_path("include"), "Python.h")
    return bool(shutil.which(compiler) and headers.exists() and importlib.util.find_spec("setuptools"))
