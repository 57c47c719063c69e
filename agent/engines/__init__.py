"""What the probes of other engines share: consent, child processes, HTTPS, reports of others.

The engine of this project is :mod:`agent.throughput`. Those here speak the protocols of others,
so that a figure can be compared with one that people know: iperf3, public ndt7 servers, Ookla's
Speedtest, the download of a file. All are off until a test of the configuration names one, and
those that use the service of a third party until its terms are accepted
(:mod:`~agent.engines.services`).
"""
