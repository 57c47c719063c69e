"""The commands of hakaru-collector: one module each, with configure(parser) and run(options)."""
