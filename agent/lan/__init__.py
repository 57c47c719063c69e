"""Looking at the school's own network: leave, interface, frames, counts. Identifiers stay here.

Packets are built and read by plain packet sockets: an ARP, DHCP or router advertisement is a few
fields, and the measuring process stays small. What a frame says of a device is hashed under a key
of the appliance (:mod:`agent.lan.devices`) in the function that reads it.
"""
