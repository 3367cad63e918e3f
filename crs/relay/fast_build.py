"""Builds ``crs.relay._fast`` from ``fast.c``: the relay's path of a packet in C.

Lives here: the declarations that Python sees, nothing else. ``setup.py`` builds the module where a compiler is at hand;
``python -m crs.relay.fast_build`` builds it in place.
"""

from pathlib import Path

from cffi import FFI

ffibuilder = FFI()
ffibuilder.cdef("""
struct crs_traffic { uint64_t rx, rx_bytes, tx, tx_bytes, no_destination, failed; };
struct crs_leg { int64_t heard; struct crs_leg *other; struct crs_traffic *traffic; uint32_t shortest; ...; };
struct crs_forwarder *crs_open(uint64_t seed);
void crs_close(struct crs_forwarder *);
void crs_bind(struct crs_forwarder *, struct crs_leg *, int family, const void *ip, int port, uint32_t scope, int fd);
void crs_unbind(struct crs_forwarder *, struct crs_leg *);
int crs_forward(struct crs_forwarder *, int fd, int64_t now, int *left);
const void *crs_packet(struct crs_forwarder *, int i, int *size);
int crs_source(struct crs_forwarder *, int i, void *ip, int *port, uint32_t *scope);
""")
ffibuilder.set_source("crs.relay._fast", Path(__file__).with_name("fast.c").read_text(encoding="utf-8"))

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)
