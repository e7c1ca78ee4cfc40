"""python-tuf's side of the comparison: verify.py FOLDER prints the seconds that it took and the most KiB that this process had."""

import sys
import tempfile
import time
from pathlib import Path

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

folder = Path(sys.argv[1])


class Files(FetcherInterface):
    def _fetch(self, url):
        path = folder / url.rsplit("/", 1)[1]
        if not path.exists():
            raise DownloadHTTPError(url, 404)
        yield path.read_bytes()


with tempfile.TemporaryDirectory() as store:
    root = (folder / "1.root.json").read_bytes()
    begun = time.monotonic()
    config = UpdaterConfig(targets_max_length=64 << 20)
    updater = Updater(store, "http://x/", None, None, Files(), config, bootstrap=root)
    updater.refresh()
    info = updater.get_targetinfo("files/5000.bin")
    assert info is not None and info.length == len("files/5000.bin")
    seconds = time.monotonic() - begun
peak = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
print(seconds, peak)
