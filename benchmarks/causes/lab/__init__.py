"""A school in network namespaces, with a fault planted in it, measured by the real agent."""
