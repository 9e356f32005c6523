"""Run by the interpreters of peers; alone in their folder, which comes first on their path."""
