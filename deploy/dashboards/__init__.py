"""Grafana's dashboards as code: what each shows stands here, of which ``dashboards/`` is made.

``python -m deploy.dashboards`` writes the files, ``--check`` says whether they are as they would be
written. ``docs/dashboards.md`` is the page for who reads them.
"""
