"""The far end of throughput measurements: an ndt7 server that admits only whom it may."""
