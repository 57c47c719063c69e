"""How often the bottleneck probe names the right link, a wrong one, or none, in the laboratory."""
