"""Files by the widely used wrapper of the published clients: in one, from memory, and in parts of five MiB."""

import contextlib
import hashlib
import json
import os
import pathlib
import sys
import tempfile

import requests
from biot_python_sdk.biot import APIClient, BiotClient, DataManager

base, email, password = (os.environ[name] for name in ("BASE", "EMAIL", "PASSWORD"))
content = b"".join(b"%019d,SN-0001\n" % number for number in range(400_000))

with contextlib.redirect_stdout(sys.stderr), tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    pathlib.Path("log.csv").write_bytes(content)
    client = BiotClient(APIClient(base), username=email, password=password)
    client.login()
    manager = DataManager(client, allow_delete=False)
    ids = [
        manager.upload_file("log.csv")["id"],
        manager.upload_file_from_ram(content, "ram.csv")["id"],
        manager.upload_multipart("log.csv", "parts.csv"),
    ]
    urls = [manager.get_file_signedurl_by_fileid(one) for one in ids]
    got = [hashlib.sha256(requests.get(url, timeout=60).content).hexdigest() for url in urls]

json.dump({"sent": hashlib.sha256(content).hexdigest(), "got": got, "ids": ids}, sys.stdout)
