"""A broker inside the process, for the embedded default: amqtt, on this machine's loopback alone."""

import asyncio
import logging
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread
from typing import Any

from device.errors import PartFailed

_START_S = 10.0
_STOP_S = 2.0


class EmbeddedBroker:
    """An MQTT 3.1.1 broker on 127.0.0.1, open to every program of this machine, in a thread of its own.

    Args:
        port: TCP port; 0 = a free one, told by `port`.

    Attributes:
        host: always 127.0.0.1.
        port: the port it listens on.

    Raises:
        PartFailed: the port is taken, or amqtt does not start.
    """

    host = "127.0.0.1"

    def __init__(self, port: int = 0) -> None:
        # Its clients' comings and goings are no news, and what it cannot do is told by the exceptions here.
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)
        logging.getLogger("transitions").setLevel(logging.CRITICAL)
        started: Future[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = Thread(target=self._run, args=(port, started), name="broker", daemon=True)
        self._thread.start()
        try:
            self.port, self._loop, self._stop = started.result(_START_S)
        except OSError as error:  # TimeoutError is one
            words = error.strerror or "it does not start"
            raise PartFailed(f"broker: port {port or 'any'} on {self.host}: {words}") from error
        except Exception as error:
            raise PartFailed(f"broker: amqtt does not start: {str(error) or type(error).__name__}") from error

    def __enter__(self) -> "EmbeddedBroker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends it, and all connections."""
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_STOP_S + 1.0)

    def _run(self, port: int, started: "Future[Any]") -> None:
        try:
            asyncio.run(self._serve(port, started))
        except Exception as error:  # told by the constructor, which waits for it
            if not started.done():
                started.set_exception(error)

    async def _serve(self, port: int, started: "Future[Any]") -> None:
        from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
        from amqtt.broker import Broker
        from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType

        # The socket is ours (an "external" listener): amqtt's own tells no free port that it has chosen.
        broker = Broker(
            BrokerConfig(
                listeners={"default": ListenerConfig(type=ListenerType.EXTERNAL, bind=self.host)},
                plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            )
        )

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await broker.external_connected(StreamReaderAdapter(reader), StreamWriterAdapter(writer), "default")
            finally:
                writer.close()  # amqtt does not in every case in which it gives up

        await broker.start()
        server = await asyncio.start_server(connected, self.host, port)
        stop = asyncio.Event()
        started.set_result((server.sockets[0].getsockname()[1], asyncio.get_running_loop(), stop))
        await stop.wait()
        server.close()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(broker.shutdown(), _STOP_S)
