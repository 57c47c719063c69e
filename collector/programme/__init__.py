"""The assessment programme: sample, findings, on-site and desk assessment, measures, plans."""
