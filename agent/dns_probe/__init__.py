"""Asking one resolver many questions.

``plan`` reads options, ``ask`` speaks, ``judge`` says what an answer means, ``run`` asks
everything and makes the figures. dnspython makes and reads the messages; sockets and time are
ours, so that a dead port is told from a silent one and a step of the clock changes no figure.
"""
