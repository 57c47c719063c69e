"""What lies between here and there: routers, packet sizes, address translation.

::

    flows         what is constant in a flow and where the tag of a probe stands   pure
    replies       what came back, ICMP errors in words                             pure
    trace         which probe next, books of one trace                             pure
    hops          books to hops, fingerprint, loops, branches                      pure
    engine        what a trace needs of whoever sends and listens; choice of one
    packets       probes and answers with scapy: only the child imports it         child
    bpf           kernel filter for the answers                                    pure
    child         raw sockets and scapy in a process of their own                  child
    packet_engine the other end of the child's pipe
    socket_engine the same with the kernel's datagram sockets and no privilege
    mtu_search    sizes to try and what follows from each                          pure
    mtu_sockets   datagrams that must not be fragmented
    mss           TCP connections with clamped segments
    stun          messages of RFC 8489                                             sans-IO
    mapping       what a NAT did with some sockets                                 pure
    hints         what kind of line the figures fit                                pure
"""
