"""Scanners over our own code: nothing that they would report, and each seen to report a planted fault.

What is ours to answer for is listed here with its reason, and nowhere else: a mark in the code would not count. An
entry that no scanner reports any more fails too, so the lists stay as short as they can be.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.processes import ROOT

pytestmark = pytest.mark.long

Found = set[tuple[str, str]]

CODE = ("app", "config.py", "worker.py", "wsgi.py")

DANGEROUS = {
    # The names of the table and of its columns come from our models; every value is bound or sent apart.
    ("app/rows/bulk.py", "B608"),
    # Whole numbers of ours, each written by a format that takes nothing else.
    ("app/rows/sqlite.py", "B608"),
    ("app/rows/postgresql.py", "B608"),
    ("app/rows/measured.py", "B608"),
    # Whole numbers, instants made of whole numbers, and names of our own tables and columns.
    ("app/rows/terms.py", "B608"),
    ("app/terminology/content.py", "B608"),
    ("app/terminology/departures.py", "B608"),
    ("app/terminology/drawing.py", "B608"),
    ("app/terminology/spool.py", "B608"),
    # A drawing that the library made of an address of ours; it holds squares.
    ("app/portal/qr.py", "B704"),
    # Files of pinned packages that an administrator installed.
    ("app/terminology/sources/icd10.py", "B314"),
    ("app/terminology/sources/icd10cm.py", "B314"),
}
SECRETS = {
    # Passwords that nobody may choose, because everybody does.
    ("app/accounts/common_passwords.py", '"qazwsxedcrfvtgbyhnujmikolp",'),
    ("app/accounts/common_passwords.py", '"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",'),
    ("app/accounts/common_passwords.py", '"qwertyuiopasdfghjklzxcvbnm",'),
    ("app/accounts/common_passwords.py", '"qwertzuiopasdfghjklyxcvbnm",'),
    ("app/accounts/common_passwords.py", '"azertyuiopqsdfghjklmwxcvbn",'),
    # A sentence beside the field of that name.
    ("app/portal/auth.py", 'form.errors |= {"password": "Enter your password."}'),
    (
        "app/portal/account.py",
        'errors = {"new_password_again": "The two are not the same. Type the new password twice."}',
    ),
    (
        "app/portal/auth_links.py",
        'return _form(secret, {"password_again": "The two are not the same. Type the new password twice."}), 422',
    ),
    ("app/accounts/own.py", 'WRONG_PASSWORD = "This is not your password."  # noqa: S105  words'),
    ("app/accounts/own.py", 'raise Invalid(fields={"new_password": "This is the password that you have."})'),
    ("app/portal/record_words.py", '"session.password_refused": "A password asked for once more was refused",'),
    ("app/portal/record_words.py", '"user.password": "Set a password",'),
    # The key of a portal that serves one measurement.
    ("bench/memory.py", 'SECRET = "only for this measurement, and gone with it"  # noqa: S105  guards nothing'),
    ("bench/data.py", 'SECRET = "only for this measurement, and gone with it"  # noqa: S105  guards nothing'),
    # The tests' own: of people and portals that do not exist. Each is a word or a sentence, none a key.
    ("tests/catalog/test_editing.py", '("LINK", "https://somebody:secret@example.org/", "https://"),'),
    ("tests/conftest.py", 'SECRET = "a secret for tests, of more than thirty-two characters"'),
    ("tests/storage/test_settings.py", 'SECRET = "the secret of the object store"'),
    ("tests/domain/test_accounts.py", 'assert enter(password="another quite calm line")'),
    ("tests/domain/test_administration.py", '("password", {"password": "password1234"}),'),
    ("tests/api/sdk/sign_in.py", 'login.login(ums.LoginRequestV2(username=email, password="not the password"))'),
    ("tests/api/test_sign_in.py", 'wrong = CREDENTIALS | {"password": "wrong"}'),
    (
        "tests/callbacks/test_addresses.py",
        '"https://localhost./", "https://me@example.org/", "https://me:secret@example.org/", "https://@example.org/",',
    ),
    ("tests/domain/test_links.py", 'assert config.smtp_password == "a mail password"'),
    (
        "tests/portal/test_second_step_pages.py",
        'assert send(browser, path, password="not the password").status_code == 422',
    ),
    (
        "tests/portal/test_second_step_pages.py",
        'form = {"new_password": "four quiet herons wade", "new_password_again": "four quiet herons wade"}',
    ),
    ("tests/factories.py", 'PASSWORD = "a long and quiet sentence"'),
    (
        "tests/portal/test_sign_in.py",
        'assert [enter(client, password="a loud and short sentence").status_code for _ in range(10)] == [422] * 10',
    ),
}
UNUSED = {
    # Python hands these over by position.
    ("app/exports/heart.py", "unused variable 'trace'"),
    ("app/access/patience.py", "unused variable 'conn'"),
    ("app/access/patience.py", "unused variable 'executemany'"),
    ("app/storage/interface.py", "unused variable 'trace'"),
    ("app/terminology/preparing.py", "unused variable 'trace'"),
    # Werkzeug hands these over by name.
    ("app/portal/upload_body.py", "unused variable 'total_content_length'"),
}


def run(*command: str | Path, cwd: Path = ROOT, found: int = 1) -> str:
    """What a tool says.

    :param found: the status with which it ends when it found something
    """
    told = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert told.returncode in (0, found), told.stderr
    return told.stdout


def tool(name: str) -> Path:
    return Path(sys.executable).with_name(name)


def dangerous(where: tuple[str, ...], cwd: Path = ROOT) -> Found:
    """``(file, rule)`` of bandit's findings of medium and high severity, whatever marks the code carries."""
    said = json.loads(
        run(tool("bandit"), "-q", "-r", *where, "--severity-level", "medium", "--ignore-nosec", "-f", "json", cwd=cwd)
    )
    assert said["errors"] == []
    assert said["metrics"]["_totals"]["loc"] > 0
    return {(Path(one["filename"]).as_posix(), one["test_id"]) for one in said["results"]}


def secrets(files: list[str], cwd: Path = ROOT) -> Found:
    """``(file, line)`` of what looks like a secret. Nothing is tried out at anybody's server."""
    said = json.loads(run(tool("detect-secrets"), "scan", "--no-verify", "--all-files", *files, cwd=cwd))
    return {
        (file, (cwd / file).read_text().splitlines()[one["line_number"] - 1].strip())
        for file, found in said["results"].items()
        for one in found
    }


def unused(where: tuple[str, ...], cwd: Path = ROOT) -> Found:
    """``(file, what)``: what vulture is sure that nobody reaches or reads."""
    said = run(tool("vulture"), *where, "--min-confidence", "80", cwd=cwd, found=3)
    parts = [re.fullmatch(r"(.+):\d+: (.+) \(\d+% confidence.*\)", line) for line in said.splitlines()]
    return {(part[1], part[2]) for part in parts if part}


def test_nothing_in_our_code_is_dangerous_but_what_we_answer_for() -> None:
    assert dangerous(CODE) == DANGEROUS


def test_the_scanner_for_danger_sees_a_shell_and_a_query_made_of_text(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(
        "import subprocess\n"
        "def go(name, connection):\n"
        "    subprocess.run('ls ' + name, shell=True)  # nosec\n"
        "    connection.execute(f\"SELECT * FROM patient WHERE name = '{name}'\")\n"
    )
    assert dangerous(("planted.py",), tmp_path) == {("planted.py", "B602"), ("planted.py", "B608")}


def test_no_secret_is_kept_but_what_we_answer_for() -> None:
    files = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")[:-1]
    assert len(files) > 100
    # This file quotes all of them.
    chosen = [file for file in files if (ROOT / file).is_file() and file != "tests/long/test_scanners.py"]
    assert secrets(chosen) == SECRETS


def test_the_scanner_for_secrets_sees_a_key_and_a_password(tmp_path: Path) -> None:
    # Put together here, so that this file holds none.
    key = "AKIA" + "IOSFODNN7" + "QUARTZXY"[:7]
    begin = "-----BEGIN RSA " + "PRIVATE KEY-----"
    (tmp_path / "settings.py").write_text(f'aws = "{key}"\npass' + 'word = "hunter2-hunter2"\n')
    (tmp_path / "site.pem").write_text(f"{begin}\nMIIB\n")
    assert {file for file, _ in secrets(["settings.py", "site.pem"], tmp_path)} == {"settings.py", "site.pem"}
    assert len(secrets(["settings.py"], tmp_path)) == 2


def test_nothing_in_our_code_is_out_of_reach_but_what_we_answer_for() -> None:
    assert unused(CODE) == UNUSED


def test_the_scanner_for_the_unused_sees_what_follows_a_return(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text("import os\n\n\ndef go():\n    return 1\n    go()\n")
    assert unused(("planted.py",), tmp_path) == {
        ("planted.py", "unused import 'os'"),
        ("planted.py", "unreachable code after 'return'"),
    }
