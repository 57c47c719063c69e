"""ICMP echo: packets and bookkeeping without input or output, and the sockets they travel by.

::

    packet      bytes of an echo request and reply, quoted errors     sans-IO
    train       what was sent, what came back, in which order         sans-IO
    statistics  round trips to figures, each definition named         pure
    sockets     the kernel's datagram socket, raw where that is closed
"""
