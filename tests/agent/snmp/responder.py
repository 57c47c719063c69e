"""An SNMP agent of the tests: serves a recording over v1, v2c and v3, or misbehaves as told.

``python -m tests.agent.snmp.responder RECORDING --port N`` serves one until it is killed.
"""

import argparse
import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.agent.snmp import ber, usm
from tests.agent.snmp.ber import Oid
from tests.agent.snmp.recording import Recording, load

NO_ERROR, TOO_BIG, NO_SUCH_NAME, GEN_ERR, NO_ACCESS, AUTHORIZATION = 0, 1, 2, 5, 6, 16
V1, V2C, V3 = 0, 1, 3
UNKNOWN_ENGINE = (1, 3, 6, 1, 6, 3, 15, 1, 1, 4, 0)
NOT_IN_WINDOW = (1, 3, 6, 1, 6, 3, 15, 1, 1, 2, 0)
UNKNOWN_USER = (1, 3, 6, 1, 6, 3, 15, 1, 1, 3, 0)
WRONG_DIGEST = (1, 3, 6, 1, 6, 3, 15, 1, 1, 5, 0)
DECRYPTION_ERROR = (1, 3, 6, 1, 6, 3, 15, 1, 1, 6, 0)


@dataclass
class Ask:
    """A request as it came."""

    version: int
    kind: int
    request_id: int
    first: int
    """Non-repeaters of a bulk."""
    second: int
    """Repetitions of a bulk."""
    oids: list[Oid]


@dataclass
class Answer:
    """What is answered: an error, or values."""

    request_id: int
    status: int = NO_ERROR
    index: int = 0
    values: list[tuple[Oid, bytes]] = field(default_factory=list)


@dataclass
class Device:
    """Serves a recording properly. Behaviours of a bad device are set from outside."""

    recording: Recording
    community: str = "public"
    users: tuple[usm.User, ...] = ()
    engine_id: bytes = bytes.fromhex("80001f8804") + b"hakaru-test"
    boots: int = 1
    most_bytes: int = 1_472
    """Largest answer; larger is tooBig (get, next) or fewer repetitions (bulk)."""
    meddle: Callable[["Device", Ask, Answer], Answer | bytes | None] | None = None
    """Changes answers: another one, raw bytes, or None for silence."""
    before: Callable[["Device", Ask], None] | None = None
    """Told of each request before it is answered."""
    asked: list[Ask] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def reply(self, data: bytes) -> bytes | None:
        """Answer one datagram."""
        _, body, _ = ber.read(data)
        version = ber.to_int(next(ber.items(body))[1])
        return self._v3(data, body) if version == V3 else self._community(body, version)

    def _community(self, body: bytes, version: int) -> bytes | None:
        _, (_, community), (kind, pdu) = ber.items(body)
        if community != self.community.encode():
            return None
        answer = self._answer(version, kind, pdu)
        if answer is None or isinstance(answer, bytes):
            return answer
        return ber.tlv(
            ber.SEQUENCE, ber.integer(version) + ber.tlv(ber.STRING, community) + _pdu(answer)
        )

    def _answer(self, version: int, kind: int, pdu: bytes) -> Answer | bytes | None:
        (_, request), (_, first), (_, second), (_, bindings) = ber.items(pdu)
        oids = [ber.to_oid(next(ber.items(one))[1]) for _, one in ber.items(bindings)]
        ask = Ask(version, kind, ber.to_int(request), ber.to_int(first), ber.to_int(second), oids)
        self.asked.append(ask)
        if self.before is not None:
            self.before(self, ask)
        answer = self._serve(ask)
        return answer if self.meddle is None else self.meddle(self, ask, answer)

    def _serve(self, ask: Ask) -> Answer:
        answer = Answer(ask.request_id)
        if ask.kind == ber.BULK:
            self._bulk(ask, answer)
            return answer
        size = 60
        for place, oid in enumerate(ask.oids, start=1):
            found = self._one(ask, oid)
            if found is None:
                return Answer(ask.request_id, NO_SUCH_NAME, place, [(o, NULL) for o in ask.oids])
            answer.values.append(found)
            size += len(found[1]) + len(ber.oid(found[0])) + 2
        if size > self.most_bytes:
            return Answer(ask.request_id, TOO_BIG, 0, [])
        return answer

    def _one(self, ask: Ask, oid: Oid) -> tuple[Oid, bytes] | None:
        if ask.kind == ber.GET:
            value = self.recording.get(oid)
            if value is not None and not (ask.version == V1 and value[0] == ber.COUNTER64):
                return oid, value
            if ask.version == V1:
                return None
            near = self.recording.after(oid[:-1])
            same = near is not None and near[0][: len(oid) - 1] == oid[:-1]
            return oid, ber.tlv(ber.NO_SUCH_INSTANCE if same else ber.NO_SUCH_OBJECT, b"")
        found = self.recording.after(oid)
        while found is not None and ask.version == V1 and found[1][0] == ber.COUNTER64:
            found = self.recording.after(found[0])
        if found is None:
            return None if ask.version == V1 else (oid, ber.tlv(ber.END_OF_MIB, b""))
        return found

    def _bulk(self, ask: Ask, answer: Answer) -> None:
        size, last = 60, list(ask.oids)
        for round_number in range(max(1, ask.second)):
            for place, oid in enumerate(last):
                if round_number and place < ask.first:
                    continue
                found = self.recording.after(oid)
                one = found or (oid, ber.tlv(ber.END_OF_MIB, b""))
                size += len(one[1]) + len(ber.oid(one[0])) + 2
                if size > self.most_bytes and answer.values:
                    return
                answer.values.append(one)
                last[place] = one[0]

    # --- version 3 --------------------------------------------------------------------------

    def _v3(self, data: bytes, body: bytes) -> bytes | None:
        (_, _), (_, header), (_, security), (kind, payload) = ber.items(body)
        (_, message_id), _, (_, flags), _ = ber.items(header)
        parameters = next(ber.items(security))[1]
        (_, engine), (_, boots), (_, at), (_, name), (_, digest), (_, salt) = ber.items(parameters)
        number = ber.to_int(message_id)
        user = next((one for one in self.users if one.name.encode() == name), None)
        if engine != self.engine_id:
            return self._report(number, UNKNOWN_ENGINE)
        if user is None:
            return self._report(number, UNKNOWN_USER)
        authenticated, private = flags[0] & 1, flags[0] & 2
        if authenticated:
            blank = data.replace(digest, bytes(len(digest)), 1)
            if usm.digest(user, engine, blank) != digest:
                return self._report(number, WRONG_DIGEST)
            late = abs(ber.to_int(at) - self.time()) > 150
            if ber.to_int(boots) != self.boots or late:
                return self._report(number, NOT_IN_WINDOW, user)
        elif user.auth:
            return self._report(number, (1, 3, 6, 1, 6, 3, 15, 1, 1, 1, 0))
        if private:
            times = (ber.to_int(boots), ber.to_int(at))
            plain = usm.crypt(user, engine, *times, salt, payload, encrypt=False)
            try:
                _, payload, _ = ber.read(plain)
                (_, _), (_, _), (kind, pdu) = ber.items(payload)
            except ValueError:
                return self._report(number, DECRYPTION_ERROR)
        else:
            (_, _), (_, _), (kind, pdu) = ber.items(payload)
        answer = self._answer(V3, kind, pdu)
        if answer is None or isinstance(answer, bytes):
            return answer
        return self._message(number, user, _pdu(answer), private=bool(private))

    def time(self) -> int:
        """Seconds since the engine's start."""
        return int(time.monotonic() - self.began)

    def _report(self, number: int, oid: Oid, user: usm.User | None = None) -> bytes:
        values = [(oid, ber.integer(1, ber.COUNTER32))]
        pdu = _pdu(Answer(0, values=values), ber.REPORT)
        return self._message(number, user, pdu, private=False)

    def _message(self, number: int, user: usm.User | None, pdu: bytes, *, private: bool) -> bytes:
        scoped = ber.tlv(
            ber.SEQUENCE, ber.tlv(ber.STRING, self.engine_id) + ber.tlv(ber.STRING, b"") + pdu
        )
        flags, salt, boots, at = 0, b"", self.boots, self.time()
        if user is not None and private:
            salt = struct.pack(">Q", number + 77)
            scoped = ber.tlv(
                ber.STRING,
                usm.crypt(user, self.engine_id, boots, at, salt, scoped, encrypt=True),
            )
            flags |= 2
        digest = b""
        if user is not None and user.auth:
            flags |= 1
            digest = bytes(usm.DIGEST_BYTES[user.auth])
        whole = self._whole(number, flags, user, (boots, at, digest, salt), scoped)
        if digest:
            assert user is not None
            digest = usm.digest(user, self.engine_id, whole)
            whole = self._whole(number, flags, user, (boots, at, digest, salt), scoped)
        return whole

    def _whole(
        self,
        number: int,
        flags: int,
        user: usm.User | None,
        security: tuple[int, int, bytes, bytes],
        scoped: bytes,
    ) -> bytes:
        boots, at, digest, salt = security
        header = ber.tlv(
            ber.SEQUENCE,
            ber.integer(number) + ber.integer(65_507) + ber.tlv(ber.STRING, bytes((flags,)))
            + ber.integer(3),
        )  # fmt: skip
        parameters = ber.tlv(
            ber.SEQUENCE,
            ber.tlv(ber.STRING, self.engine_id) + ber.integer(boots) + ber.integer(at)
            + ber.tlv(ber.STRING, user.name.encode() if user else b"")
            + ber.tlv(ber.STRING, digest) + ber.tlv(ber.STRING, salt),
        )  # fmt: skip
        return ber.tlv(
            ber.SEQUENCE,
            ber.integer(V3) + header + ber.tlv(ber.STRING, parameters) + scoped,
        )


NULL = ber.tlv(ber.NULL, b"")


def _pdu(answer: Answer, kind: int = ber.RESPONSE) -> bytes:
    bindings = b"".join(ber.tlv(ber.SEQUENCE, ber.oid(oid) + value) for oid, value in answer.values)
    return ber.tlv(
        kind,
        ber.integer(answer.request_id) + ber.integer(answer.status) + ber.integer(answer.index)
        + ber.tlv(ber.SEQUENCE, bindings),
    )  # fmt: skip


@contextlib.contextmanager
def serving(device: Device, host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Answer until the end; gives the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((host, port))
        sock.settimeout(0.2)
        stop = threading.Event()
        thread = threading.Thread(target=_loop, args=(device, sock, stop), daemon=True)
        thread.start()
        try:
            yield sock.getsockname()[1]
        finally:
            stop.set()
            thread.join(timeout=5)


def _loop(device: Device, sock: socket.socket, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            data, sender = sock.recvfrom(65_536)
        except TimeoutError:
            continue
        except OSError:
            return
        try:
            reply = device.reply(data)
        except ValueError:
            continue
        if reply is not None:
            with contextlib.suppress(OSError):  # longer than a datagram: it never arrives
                sock.sendto(reply, sender)


def main() -> None:
    """Serve a recording until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("recording", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--count", type=int, default=1, help="as many devices, ports in a row")
    options = parser.parse_args()
    recording = load(options.recording)
    users = (usm.User("reader"),)
    with contextlib.ExitStack() as stack:
        for number in range(options.count):
            device = Device(recording, users=users)
            port = options.port + number if options.port else 0
            print(stack.enter_context(serving(device, options.host, port)), flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
