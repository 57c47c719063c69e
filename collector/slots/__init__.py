"""Slots: who may load a shared upstream and a responder, and when; and rehearsals."""
