"""The reference client: a library in blocking style on gevent, and the terminal client built on it.

Lives here: everything a client does, each idea in its own file. Never here: anything that the server side imports
(health checks, the tour and the benchmarks are clients too), and no monkey patching: that is the program's choice.
Nothing is imported here, so that a light client (``connection``) pays for no cipher, codec or store.

    rpc         one WebSocket connection as JSON-RPC: calls, answers, notifications
    door        where to attach and with which key: DNS addresses, months, back-off
    connection  Client: attached for as long as it lives, whatever happens to servers
    state       what must outlive the process: device id, messages already shown
    secrecy     end-to-end sealing: the only file here that touches keys of people
    messages    post, fetch, acknowledge
    calls       invite, ring, accept, hang up
    offer       what travels sealed at call set-up: codec and SRTP keys
    rooms       conference rooms and their datagrams
    storage     values kept at the CRS for all devices
    sockets     the UDP socket of a leg
    rtp, wav    packets and files as values
    paths       which relay addresses are bound and carry the media
    media       one stream of speech over one UDP socket
    phone       all of it together for one credential file
    main        bin/crs-client: script (the actions), terminal (interactive)
"""
