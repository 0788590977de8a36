"""Files that mean harm, sent as a browser sends them: each is taken or refused in words, and nothing else happens."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from config import Config
from tests.factories import World
from tests.faults.processes import until
from tests.portal.cabinet import Cabinet, make_cabinet
from tests.security.corpus import Sent, bombs, broken_pictures, of_pydicom, polyglots

SignedIn = Callable[[str], FlaskClient]
PICTURES = (".png", ".jpg", ".gif", ".webp", ".tif", ".dcm")


@dataclass
class Desk:
    """Takes files, each for a patient of its own."""

    app: Flask
    world: World
    data_dir: Path
    browser: FlaskClient

    def send(self, name: str, content: bytes) -> str:
        """Send one, look at what it came to and at what it left behind: ``taken`` or ``refused``."""
        cabinet = make_cabinet(self.app, self.world, self.data_dir)
        attribute = "images" if name.endswith(PICTURES) else "analysis_file"
        answer = cabinet.send_raw(self.browser, name, content, attribute)
        assert decoders() == [], f"{name} keeps a decoder busy"
        if answer.status_code == 201:
            self._look_at_taken(cabinet, content)
            return "taken"
        assert answer.status_code in (413, 415, 422), (name, answer.status_code)
        assert len(answer.get_json()["error"]) > 20, name
        cabinet.assert_empty()
        return "refused"

    def send_all(self, files: Iterable[Sent]) -> Counter[str]:
        return Counter(self.send(name, content) for name, content in files)

    def _look_at_taken(self, cabinet: Cabinet, content: bytes) -> None:
        """It goes out as it came in, and runs nowhere."""
        [file] = [file for file in cabinet.files() if file.entity_id == cabinet.patient_id]
        with self.browser.get(f"/files/{file.id}") as out:
            assert out.data == content
            assert out.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
            assert out.headers["Content-Disposition"].startswith("attachment;")
            assert not out.mimetype.endswith(("html", "xml", "javascript"))
        with self.browser.get(f"/files/{file.id}/preview") as preview:
            assert preview.status_code == 404 or preview.mimetype == "image/webp"


@pytest.fixture
def desk(app: Flask, world: World, config: Config, signed_in: SignedIn) -> Desk:
    return Desk(app, world, config.data_dir, signed_in("alice"))


def decoders() -> list[str]:
    """The decoders that this process runs now."""
    ids = [one for listed in Path("/proc/self/task").glob("*/children") for one in listed.read_text().split()]
    running = [Path(f"/proc/{one}/cmdline").read_text().replace("\0", " ") for one in ids]
    return [one for one in running if "decoders.child" in one]


def test_files_of_two_kinds_run_nowhere_and_a_few_bombs_are_refused_in_words(desk: Desk) -> None:
    chosen = [one for one in polyglots() if one[0] in ("code.png", "page.gif", "tiff.dcm", "page.txt")]
    chosen += [one for one in bombs() if one[0] in ("text.png", "archive.pdf")]
    assert desk.send_all(chosen)["refused"] >= 4


@pytest.mark.long
@pytest.mark.parametrize("files", [polyglots, bombs, of_pydicom])
def test_each_file_of_the_corpus_is_taken_or_refused_in_words(desk: Desk, files: Callable[[], Iterable[Sent]]) -> None:
    count = desk.send_all(files())
    assert count["refused"] >= 5
    assert count.total() > 8


@pytest.mark.long
def test_pictures_broken_anywhere_are_taken_or_refused_in_words(desk: Desk) -> None:
    count = desk.send_all(broken_pictures(seed=1, of_each=5))
    assert count.total() == 75
    assert min(count["taken"], count["refused"]) > 5


def test_a_planted_decoder_that_goes_on_is_found(desk: Desk) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)  # decoders.child"]
    with subprocess.Popen(command) as child:
        try:
            until(decoders, "the planted one has begun")
            with pytest.raises(AssertionError, match=r"a\.txt keeps a decoder busy"):
                desk.send("a.txt", b"a")
        finally:
            child.kill()
