"""A fleet of agents that do not exist, speaking the real protocol to a collector.

``pace`` is their time, ``life`` what each of them measures and suffers (pure, from a seed),
``agent`` how one delivers, ``enrolling`` how they get their identities, ``tally`` what is counted,
``fleet`` puts them together. Their results are marked ``simulated``.
"""
