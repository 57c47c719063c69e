"""What devices of the school say over SNMP: client, tables, profiles, counters.

Nothing here is imported before a device is to be asked. docs/snmp.md says what is read.
"""
