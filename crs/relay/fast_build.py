"""Builds ``crs.relay._fast`` from ``fast.c`` and ``fast_table.h``: the relay's path of a packet in C.

``setup.py`` builds the module where a compiler is at hand; ``python -m crs.relay.fast_build`` builds it in place.
"""

from pathlib import Path

from cffi import FFI

ffibuilder = FFI()
ffibuilder.cdef("""
struct crs_counts { uint64_t rx, rx_bytes, tx, tx_bytes, no_destination, failed; ...; };
struct crs_traffic { struct crs_counts by[...]; };
struct crs_leg { int64_t heard; struct crs_traffic *traffic; uint32_t shortest; ...; };
struct crs_table *crs_open_table(uint64_t seed);
void crs_close_table(struct crs_table *);
void crs_bind(struct crs_table *, struct crs_leg *, int family, const void *ip, int port, uint32_t scope,
              const int *fds);
void crs_unbind(struct crs_table *, struct crs_leg *);
void crs_link(struct crs_table *, struct crs_leg *, struct crs_leg *other);
struct crs_loop *crs_open_loop(struct crs_table *, int number);
void crs_close_loop(struct crs_loop *);
int crs_forward(struct crs_loop *, int fd, int64_t now, int *left);
int crs_packet(struct crs_loop *, int i, const void **packet, int *size, void *ip, int *port, uint32_t *scope);
""")


def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


TABLE = "fast_table.h"  # put in place, for what is built is built anew only where its own text differs
ffibuilder.set_source(
    "crs.relay._fast", _text("fast.c").replace(f'#include "{TABLE}"\n', _text(TABLE)), libraries=["pthread"]
)

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)
