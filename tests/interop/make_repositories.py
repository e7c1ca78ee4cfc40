"""Writes every scenario into a folder, one file of JSON each."""

import json
import pathlib
import sys

import honest
import hostile

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True)
for kind, module in (("honest", honest), ("hostile", hostile)):
    for scenario in module.scenarios():
        path = folder / f"{scenario.name}.json"
        assert not path.exists(), scenario.name
        path.write_text(json.dumps(scenario.plain() | {"kind": kind}))
