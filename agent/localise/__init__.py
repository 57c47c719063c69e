"""Which link of a path is the narrow one: echoes to every hop while a test loads the path.

::

    evidence      what was seen: round trips of each hop by time, the load             pure
    inflation     how much a hop's delay grew, how sure that is, does it swing along    pure
    decide        evidence to a verdict: a link, a range, none, or why not              pure
    counters      counters of a link beside the verdict                                 pure
    segments      the same path in segments: LAN responder against centre               pure
    figures       a verdict to the values of a result                                   pure
    route         the hops, found by their time to live
    watch         echoes to all hops on one schedule, in a thread
    load          one direction filled by CUBIC flows
    observe       the phases: idle, loaded, idle again
"""
