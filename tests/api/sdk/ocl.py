"""The whole flow with both published clients of this contract, and with the command; writes what it saw as JSON."""

import io
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import openconceptlab
from ocldev import oclexport

base, token, folder = (os.environ[name] for name in ("BASE", "TOKEN", "FOLDER"))
client = openconceptlab.OCLAPIClient(base_url=base, token=token)
place = ("northside", "LUNG")


def refused(ask):
    """The status with which it is refused."""
    try:
        return ask()
    except openconceptlab.APIError as refusal:
        return refusal.status_code


def waited(version):
    """The states that were seen until the export was there."""
    seen = []
    while not seen or seen[-1] != "ready":
        state = client.export_status(*place, version)["status"]
        if state not in seen[-1:]:
            seen.append(state)
        assert state != "unknown"
        time.sleep(0.1)
    return seen


def command(*words):
    """What the ``ocl`` command says, run in a folder of its own."""
    done = subprocess.run(
        [Path(sys.executable).parent / "ocl", "--json", *words],
        env={"PATH": os.environ["PATH"], "HOME": folder, "OCL_SERVER": base, "OCL_API_TOKEN": token},
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


told = {"versions": client.get_repo_versions(*place), "released": client.get_repo_versions(*place, released=True)}
told["repository"] = client.get_repo(*place, include_summary=True)
told["first"] = waited("v1")
told["again"] = client.export_create(*place, "v1")["status"]
archive = zipfile.ZipFile(io.BytesIO(client.export_download(*place, "v1").content))
told["archive"] = json.loads(archive.read("export.json"))
told["made"] = client.create_repo_version(*place, "v2", released=True)
told["second"] = waited("v2")
told["deleted"] = client.export_delete(*place, "v2")["status"]
told["none"] = client.export_status(*place, "v2")["status"]
told["unknown"] = refused(lambda: client.export_status(*place, "v9"))
told["created"] = client.export_create(*place, "v2")["status"]
told["third"] = waited("v2")
told["concepts"] = client.search_concepts(owner="northside", repo="LUNG", updated_since=os.environ["SINCE"])
told["diff"] = client.get(
    "/orgs/northside/sources/LUNG/",
    {
        "includeConcepts": "true",
        "includeRetired": "true",
        "includeDeleted": "true",
        "updatedSince": os.environ["SINCE"],
    },
)
told["concept"] = client.get_concept("northside", "LUNG", "A1")

flags = ("--type", "source", "northside", "LUNG", "v1")
told["command_status"] = json.loads(command("repo", "export", "status", *flags))
command("repo", "export", "download", *flags)
[saved] = Path(folder).glob("*.zip")
told["command_saved"] = saved.name
told["command_archive"] = json.loads(zipfile.ZipFile(saved).read("export.json"))["id"]

repository = f"{base}/orgs/northside/sources/LUNG/"
latest = oclexport.OclExportFactory.load_latest_export(
    repo_url=repository, oclapitoken=token, do_wait_for_export=True, delay_seconds=0.2
)
told["latest"] = latest.get_full_export()["id"]
told["mapped"] = latest.get_concept_by_id("A1", include_mappings=True)["mappings"][0]["to_concept_code"]
told["stats"] = latest.get_stats()
client.export_delete(*place, "v2")
waiting = oclexport.OclExportFactory.load_export(
    repo_version_url=f"{repository}v2/", oclapitoken=token, do_wait_for_export=True, delay_seconds=0.2
)
told["waited"] = len(waiting)
told["resources"] = len(waiting.to_resource_list(do_clean_for_bulk_import=True, do_include_repo=True))
json.dump(told, sys.stdout, default=str)
