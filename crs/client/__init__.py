"""The reference client: a library in blocking style on gevent, and the terminal client built on it.

The server side imports nothing of it; the health checks, the demonstration and the tests are clients too. No monkey
patching: that is up to the program. Nothing is imported in this file, so that a light client (``connection``) loads no
cipher, codec or store.

    rpc         one WebSocket connection as JSON-RPC: calls, answers, notifications
    addresses   where to attach and with which key: DNS addresses, months, back-off
    connection  ClientConnection: attached and registered, reconnects by itself
    state       what must outlive the process: device id, messages already shown
    secrecy     end-to-end sealing: the only file here that uses the keys of clients
    messages    post, fetch, acknowledge
    calls       invite, ring, accept, hang up
    call        one call: its state, and what to do with it
    offer       what the two ends of a call exchange, sealed: codec and SRTP keys
    rooms       conference rooms and their datagrams
    storage     values kept at the CRS for all devices
    sockets     the UDP socket of a leg
    wav         speech files (RTP packets are in wire.rtp)
    paths       which relay addresses are bound and carry the media
    media       one stream of speech over one UDP socket
    phone       all of it together for one credential file
    main        bin/crs-client: script (the actions), terminal (interactive), output, lines
"""
