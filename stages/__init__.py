"""The stages of dvc.yaml.

`harness` comes before numpy, which a stage imports above it: portable arithmetic is chosen when
numpy loads.
"""

import harness  # noqa: F401
