"""One word, one meaning: no two classes of the harness share a name."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARAMS = {"Params"}  # what a part, a corpus or a reading takes, in each of their files


def test_no_two_public_classes_have_one_name():
    places = defaultdict(list)
    for folder in ("harness", "stages"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places[node.name].append(file.relative_to(ROOT).as_posix())
    assert {n: found for n, found in places.items() if len(found) > 1 and n not in PARAMS} == {}
