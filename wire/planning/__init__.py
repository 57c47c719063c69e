"""The plan of a day as a pure function: what a policy means, on the appliance and at the centre.

The agent measures by it; the collector shows by it what a policy will do before anyone follows it.
"""
