"""Agents that deliver to a real collector until every result is acknowledged."""

import gzip
import os
import random
import threading
import time
from datetime import timedelta

import httpx

from tests.enrolled import START, token
from tests.faults.lives import Collector
from wire.codec import encode
from wire.failure import Outcome
from wire.ids import uuid4
from wire.measurement import Measurement
from wire.messages import decode_acknowledgement, encode_batch

CLIENTS = 6
BATCH = 20
KILLS = int(os.environ.get("KILLS", "10"))
"""How often what is tested is killed; KILLS=200 before a release."""


class Client(threading.Thread):
    """An agent that resends each batch until every result of it is acknowledged."""

    def __init__(self, number: int, collector: Collector, stop: threading.Event) -> None:
        super().__init__()
        self.number, self.collector, self.stop = number, collector, stop
        self.acknowledged: list[str] = []
        self.resent = 0
        self.unexpected: list[str] = []

    def run(self) -> None:
        """Deliver until told to stop."""
        chance = random.Random(self.number)
        headers = {"Authorization": f"Bearer {token(self.number)}", "Content-Encoding": "gzip"}
        with httpx.Client(timeout=10, trust_env=False) as client:
            seq = 0
            while not self.stop.is_set():
                records = {}
                for _ in range(BATCH):
                    seq += 1
                    record = measurement(self.number, seq, chance)
                    records[record.result_id] = encode(record)
                while records:
                    body = gzip.compress(encode_batch(records.values()), 1)
                    url = f"http://127.0.0.1:{self.collector.port}/v1/measurements"
                    try:
                        reply = client.post(url, content=body, headers=headers)
                    except httpx.HTTPError:
                        self.resent += 1
                        time.sleep(0.02)
                        continue
                    if reply.status_code != 200:
                        self.unexpected.append(f"{reply.status_code} {reply.text[:200]}")
                        time.sleep(0.05)
                        continue
                    for result_id in decode_acknowledgement(reply.content).committed:
                        records.pop(result_id)
                        self.acknowledged.append(result_id)


def measurement(number: int, seq: int, chance: random.Random) -> Measurement:
    """One result of one agent."""
    return Measurement(
        result_id=uuid4(chance.getrandbits(128)),
        agent_id=uuid4(number + 1),
        stream=uuid4(1000 + number),
        seq=seq,
        probe="throughput",
        target="centre.example:4443",
        started_at=START + timedelta(seconds=seq),
        boot_id="boot",
        monotonic_start_seconds=float(seq),
        duration_seconds=10.0,
        outcome=Outcome.OK,
        values={"download_bps": 5e8},
    )
