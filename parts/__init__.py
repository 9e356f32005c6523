"""Parts of your own, apart from `harness`, so that an update of it merges nothing here.

`parts/crnn.py` is `encoder: parts.crnn` in a row's block of rows.yaml; see docs/extending.md.
"""
