"""The commands of hakaru-agent: one module each, with configure(parser) and run(options)."""
