"""A line of so many bytes a second towards a collector, on loopback."""

import asyncio
import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

CHUNK_BYTES = 4096


class SlowLine:
    """Passes connections on to ``port``; what goes there is slowed down to ``rate``."""

    def __init__(self, port: int, bytes_per_second: float) -> None:
        self._port = port
        self.rate = bytes_per_second
        """May be changed while it runs."""
        self.passed_bytes = 0
        self._loop = asyncio.new_event_loop()
        self._listener = socket.socket()
        # a small window: bytes that wait for the line wait at the sender
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, CHUNK_BYTES)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(16)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._free_at_seconds = 0.0
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))
        self._stop = asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    async def _run(self) -> None:
        server = await asyncio.start_server(self._pass_on, sock=self._listener, limit=CHUNK_BYTES)
        await self._stop.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        replies = asyncio.create_task(self._replies(there, writer))
        try:
            while chunk := await reader.read(CHUNK_BYTES):
                # all connections share the one line
                now = self._loop.time()
                self._free_at_seconds = max(now, self._free_at_seconds) + len(chunk) / self.rate
                await asyncio.sleep(self._free_at_seconds - now)
                self.passed_bytes += len(chunk)
                back.write(chunk)
                await back.drain()
        except ConnectionError:
            pass
        finally:
            replies.cancel()
            for one in (back, writer):
                one.close()

    @staticmethod
    async def _replies(there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await there.read(65536):
                writer.write(chunk)
                await writer.drain()
        writer.close()
