"""Cities that do not exist, with planted faults: to check the desk survey, and for the demo.

``site`` is what a school has and what is wrong there; ``lots`` how equipment was bought; ``plant``
makes the sites of a city; ``paper``, ``visit`` and ``measured`` tell of them what a desk, a visit
and an agent would know, with gaps and errors; ``city`` puts them together. Nothing here knows the
catalogue of findings or its rules: only the ids of findings are shared.
"""
