"""The throughput engine: ndt7 over N parallel TCP flows, both directions.

Theory of operation
===================

A *flow* is one TCP connection upgraded to WebSocket with the ndt7 subprotocol. In each
direction one side is the sender and the other the receiver:

* the sender repeats prebuilt frames of random bytes (:mod:`~agent.throughput.payload`);
* the receiver parses frame headers (:mod:`~agent.throughput.framing`, no input or output in it)
  and lets the kernel throw payload away (``MSG_TRUNC``), so that it measures the path and not
  its own memory;
* both exchange measurement messages every 250 ms (:mod:`~agent.throughput.messages`).

:mod:`~agent.throughput.flow` binds those to a socket, :mod:`~agent.throughput.engine` runs
several flows and samples their byte counts, :mod:`~agent.throughput.estimator` (pure) turns
samples into a rate. The client is :mod:`~agent.throughput.client`, with
:mod:`~agent.throughput.connect` to open its flows; the far end is :mod:`agent.responder`.

Sources: ndt7 protocol specification (Measurement Lab), RFC 6455 (WebSocket), tcp(7).
"""
