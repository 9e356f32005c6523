"""results/<profile>/report.html: one self-contained page of all that a profile's results say."""
