"""The weekly report: one document of figures, shown as PDF, XLSX, HTML and CSV.

``gather`` reads the store, ``build`` makes the document (pure), ``present`` puts it into words of
one language, and ``pdf``, ``xlsx``, ``html`` and ``csv`` write it. ``issue`` keeps revisions,
``deliver`` hands them out.
"""
