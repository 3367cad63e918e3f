"""Runs the relay of a home without a supervisor: ``python -m test.relay.serve HOME``.

Standard input is its lifeline, standard output is told when it is ready.
"""

import sys

from crs.config import load
from crs.relay.server import main
from crs.start import Start

conf = load(sys.argv[1])
sys.exit(main(Start(conf.home, conf, "relay", lifeline_fd=0, ready_fd=1)))
