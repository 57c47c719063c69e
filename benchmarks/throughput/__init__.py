"""The throughput engine beside others: speed, cost, accuracy, stop rule, verify."""
