"""Builds ``crs.net._psk``: three C functions whose bodies are Python (cffi ``extern "Python"``).

OpenSSL calls them during a handshake, see ``crs.net.psk``. They are
machine code of a file on disk, so they also run under systemd's ``MemoryDenyWriteExecute=``, where a cffi closure
(code written at run time) does not. ``setup.py`` builds the module; ``python -m crs.net.psk_build`` builds it in place.
"""

from cffi import FFI

ffibuilder = FFI()
ffibuilder.cdef("""
extern "Python" {
    unsigned int crs_psk_server(void *ssl, char *identity, unsigned char *key, unsigned int room);
    unsigned int crs_psk_client(void *ssl, char *hint, char *identity, unsigned int identity_room,
                                unsigned char *key, unsigned int room);
    int crs_no_ticket(void *ssl, int *alert, void *unused);
}
""")
ffibuilder.set_source("crs.net._psk", "")

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)
