"""A resolver for tests on loopback, UDP and TCP on one port, that answers as it is told."""

import contextlib
import select
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Behaviour = Callable[[dns.message.Message, str], "dns.message.Message | bytes | None"]
"""Query and transport to an answer: a message, raw bytes, or None for silence."""
RECORDS = {
    "A": "192.0.2.10",
    "AAAA": "2001:db8::10",
    "HTTPS": "1 . alpn=h2",
}


def reply(
    query: dns.message.Message, rcode: dns.rcode.Rcode = dns.rcode.NOERROR, *data: str
) -> dns.message.Message:
    """An answer with these records of the type that was asked for."""
    answer = dns.message.make_response(query, recursion_available=True)
    answer.set_rcode(rcode)
    question = query.question[0]
    if data:
        answer.answer.append(
            dns.rrset.from_text_list(question.name, 60, "IN", question.rdtype, list(data))
        )
    return answer


def kind_of(query: dns.message.Message) -> str:
    """Record type that was asked for, as text."""
    return query.question[0].rdtype.name


def name_of(query: dns.message.Message) -> str:
    """Name that was asked for, without its last dot."""
    return query.question[0].name.to_text(omit_final_dot=True)


def healthy(query: dns.message.Message, _transport: str) -> dns.message.Message:
    """An address for what exists, NXDOMAIN for what is below .invalid."""
    if name_of(query).endswith("invalid"):
        return reply(query, dns.rcode.NXDOMAIN)
    return reply(query, dns.rcode.NOERROR, RECORDS[kind_of(query)])


@contextlib.contextmanager
def nameserver(behaviour: Behaviour, host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Answer by ``behaviour`` until the end; gives the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    port = int(listener.getsockname()[1])
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.bind((host, port))
    stop, stopped = socket.socketpair()
    thread = threading.Thread(target=_serve, args=(udp, listener, stopped, behaviour))
    thread.start()
    try:
        yield port
    finally:
        stop.close()
        thread.join()
        for sock in (udp, listener, stopped):
            sock.close()


def _serve(
    udp: socket.socket, listener: socket.socket, stopped: socket.socket, behaviour: Behaviour
) -> None:
    while True:
        ready = select.select([udp, listener, stopped], [], [])[0]
        if stopped in ready:
            return
        with contextlib.suppress(OSError):
            if udp in ready:
                data, peer = udp.recvfrom(65_535)
                answer = behaviour(dns.message.from_wire(data), "udp")
                if answer is not None:
                    udp.sendto(answer if isinstance(answer, bytes) else answer.to_wire(), peer)
            if listener in ready:
                _one_tcp(listener.accept()[0], stopped, behaviour)


def _one_tcp(sock: socket.socket, stopped: socket.socket, behaviour: Behaviour) -> None:
    with sock:
        (size,) = struct.unpack(">H", sock.recv(2, socket.MSG_WAITALL))
        query = dns.message.from_wire(sock.recv(size, socket.MSG_WAITALL))
        answer = behaviour(query, "tcp")
        if answer is None:
            select.select([sock, stopped], [], [])  # silence until the peer gives up
        elif isinstance(answer, bytes):
            sock.sendall(answer)
        else:
            wire = answer.to_wire()
            sock.sendall(struct.pack(">H", len(wire)) + wire)


def large_over_udp(query: dns.message.Message, transport: str) -> dns.message.Message:
    """Healthy over TCP; over UDP every answer is cut."""
    answer = healthy(query, transport)
    if transport == "udp":
        answer.answer.clear()
        answer.flags |= dns.flags.TC
    return answer


if __name__ == "__main__":  # in a laboratory: python -m tests.agent.nameserver HOST PORT [cut]
    with nameserver(
        large_over_udp if "cut" in sys.argv else healthy, sys.argv[1], int(sys.argv[2])
    ):
        sys.stderr.write("answering\n")
        signal.pause()
