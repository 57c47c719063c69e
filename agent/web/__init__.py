"""Reaching a service over TCP, TLS and HTTP with every phase timed on its own.

``dial`` connects, ``tls`` proves who is there, ``certificate`` reads what they showed, ``http``
speaks HTTP/1.1 without a socket, ``blocked`` recognises that somebody else answered, ``fetch``
puts them in a row. An HTTP client library would hide the moments between the phases.
"""
