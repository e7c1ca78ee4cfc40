"""python-tuf's client, run after run: a line of JSON says what to do, a line of JSON says what came of it.

What it is asked to do is what tuf-client does: refresh, then each target in order, stopping at the first failure.
"""

import json
import sys

from tuf.ngclient import Updater


def run(order):
    updater = Updater(
        order["metadata_dir"],
        order["metadata_url"],
        order["target_dir"],
        order["target_url"],
        bootstrap=None,
    )
    updater.refresh()
    for path in order["targets"]:
        info = updater.get_targetinfo(path)
        if info is None:
            raise LookupError(f"there is no target {path}")
        if updater.find_cached_target(info) is None:
            updater.download_target(info)


for line in sys.stdin:
    try:
        run(json.loads(line))
        verdict = {"accepted": True, "why": ""}
    except Exception as error:  # whatever it is, a command-line client would fail with it
        verdict = {"accepted": False, "why": f"{type(error).__name__}: {error}"}
    print(json.dumps(verdict), flush=True)
