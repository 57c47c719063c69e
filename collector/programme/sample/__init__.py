"""The sample: which schools are assessed on site, why these, and what they cannot show."""
