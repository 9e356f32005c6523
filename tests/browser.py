"""Pages in a real browser, headless and without a network; Debian's package is `chromium`."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(not BROWSER, reason="there is no chromium on this machine")
PROBE = (
    "<script>addEventListener('load', () => setTimeout(() => {"
    "const broken = [...document.images].filter((image) => !image.naturalWidth).length;"
    "document.documentElement.dataset.probe ="
    "`${document.documentElement.scrollWidth} ${innerWidth} ${broken}`;}, 200));</script>"
)


def opened(page: Path, width: int = 1400) -> tuple[str, list[str]]:
    """The page as it is after its scripts, and what the console complains of.

    Also fails where a picture is missing or the page is wider than its window.
    """
    probed = page.with_name(f".probed-{page.name}")
    probed.write_text(page.read_text(encoding="utf-8") + PROBE, encoding="utf-8")
    command = [
        *(str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
        *("--host-resolver-rules=MAP * ~NOTFOUND", f"--window-size={width},1000"),
        *("--virtual-time-budget=3000", "--enable-logging=stderr", "--dump-dom"),
        probed.absolute().as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    probed.unlink()
    found = re.search(r'data-probe="(\d+) (\d+) (\d+)"', done.stdout)
    assert found, done.stderr
    wide, window, broken = map(int, found.groups())
    assert wide <= window
    assert broken == 0
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]
