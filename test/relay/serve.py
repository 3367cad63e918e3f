"""Runs the relay of a home in this process, without a supervisor: ``python -m test.relay.serve HOME``."""

import sys

from crs.config import load
from crs.relay.server import main
from crs.start import Start

conf = load(sys.argv[1])
sys.exit(main(Start(conf.home, conf, "relay", ready_fd=1)))
