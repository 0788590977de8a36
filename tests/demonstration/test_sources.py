"""The demonstration's sources: what they promise to the loader and to the portal's reader."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from datetime import UTC, date
from pathlib import Path

import numpy as np
import pydicom
import pypdfium2
import pytest

from app.demonstration.sources import (
    actg175,
    devices,
    documents,
    images,
    installed,
    provenance,
    synthea,
    waveforms,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def cohort() -> list[actg175.TrialPatient]:
    return list(actg175.trial_patients())


@pytest.fixture(scope="module")
def people() -> list[synthea.InventedPatient]:
    return list(synthea.invented_patients())


def test_the_whole_cohort_is_there_once_with_words_instead_of_codes(
    cohort: list[actg175.TrialPatient],
) -> None:
    assert len(cohort) == len({patient.code for patient in cohort}) == 2139
    assert Counter(patient.treatment_arm for patient in cohort) == {
        "Zidovudine": 532,
        "Zidovudine and didanosine": 522,
        "Zidovudine and zalcitabine": 524,
        "Didanosine": 561,
    }
    assert sum(patient.event for patient in cohort) == 521


def test_a_known_participant_reads_as_the_file_has_it(cohort: list[actg175.TrialPatient]) -> None:
    patient = next(known for known in cohort if known.code == "ACTG-10059")
    assert (patient.age, patient.weight_kg, patient.gender) == (61, 49.4424, "Female")
    assert (patient.treatment_arm, patient.days_followed, patient.event) == ("Didanosine", 1002, True)
    assert [(count.visit, count.cd4, count.cd8) for count in patient.counts] == [
        ("Baseline", 162, 392),
        ("Week 20", 218, 564),
    ]


def test_a_count_that_the_trial_does_not_have_stays_missing(cohort: list[actg175.TrialPatient]) -> None:
    at_96_weeks = [count for patient in cohort for count in patient.counts if count.visit == "Week 96"]
    assert len(at_96_weeks) == 1342
    assert all(count.cd4 is not None and count.cd8 is None for count in at_96_weeks)


def test_enrolment_keeps_within_the_period_that_the_portal_states(cohort: list[actg175.TrialPatient]) -> None:
    days = [patient.enrolled_on for patient in cohort]
    assert days == sorted(days)
    assert (days[0], days[-1]) == (date(1991, 12, 2), date(1992, 10, 30))
    assert any(actg175.DATE_CONVENTION in source.sentence for source in provenance.PROVENANCE)


def test_invented_people_have_names_diseases_and_long_series(people: list[synthea.InventedPatient]) -> None:
    assert 5 <= len(people) <= 8
    assert len({(person.given_name, person.family_name) for person in people}) == len(people)
    assert {person.gender for person in people} == {"Female", "Male"}
    for person in people:
        assert person.main_diagnosis is not None
        signs = Counter(sign.metric for sign in person.vital_signs)
        assert min(signs["heart_rate"], signs["systolic_pressure"]) >= 30, person.family_name
        assert (person.vital_signs[-1].taken_at - person.vital_signs[0].taken_at).days > 30 * 365
        assert "00000" not in person.street


def test_a_vital_sign_stands_once_at_one_time(people: list[synthea.InventedPatient]) -> None:
    for person in people:
        keys = [(sign.taken_at, sign.metric) for sign in person.vital_signs]
        assert keys == sorted(set(keys))
        assert all(sign.taken_at.tzinfo is UTC for sign in person.vital_signs)


def test_another_process_invents_the_same_people_and_leaves_no_files(
    people: list[synthea.InventedPatient], tmp_path: Path
) -> None:
    told = "from app.demonstration.sources.synthea import invented_patients as p; print(repr(next(p())))"
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        [sys.executable, "-c", told],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout == f"{people[0]!r}\n", "the engine printed, or chance got in"
    assert list(tmp_path.iterdir()) == []


def test_the_sources_do_not_pull_in_statistics_or_plotting() -> None:
    told = (
        "import sys\n"
        "from app.demonstration.sources import actg175, synthea\n"
        "list(actg175.trial_patients()); next(synthea.invented_patients())\n"
        "print(sorted({'lifelines', 'pandas', 'scipy', 'matplotlib', 'networkx'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"


def test_the_electrocardiogram_is_twelve_leads_of_ten_seconds_in_millivolts() -> None:
    ecg = waveforms.resting_ecg()
    assert ecg.leads == ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
    assert ecg.millivolts.shape == (10_000, 12)
    assert 0.5 < float(np.abs(ecg.millivolts).max()) < 5
    times = ecg.epoch_ms()
    assert set(np.diff(times).tolist()) == {1}
    assert len(times) == 10_000


def test_einthovens_law_holds_between_the_leads() -> None:
    """Lead II is I + III wherever the columns are right; rounding costs at most a step of the recorder."""
    ecg = waveforms.resting_ecg()
    one, two, three = (ecg.millivolts[:, ecg.leads.index(name)] for name in ("I", "II", "III"))
    assert float(np.abs(one + three - two).max()) < 0.005


def test_the_images_are_readable_dicom_of_three_modalities() -> None:
    found = list(images.images())
    assert {image.modality for image in found} == {"CT", "MR", "US"}
    for image in found:
        content = image.read()
        assert content[128:132] == b"DICM"
        dataset = pydicom.dcmread(io.BytesIO(content))
        assert dataset.Modality == image.modality
        assert dataset.pixel_array.size > 0


def test_devices_differ_in_both_times_and_weigh_more_than_50_kilobytes() -> None:
    known = list(devices.devices())
    assert len({device.device_id for device in known}) == len(known) >= 3
    assert len({device.created_at for device in known}) == len(known)
    assert len({device.updated_at for device in known}) == len(known)
    assert all(device.created_at < device.updated_at for device in known)
    assert {device.kind for device in known} == {"ecg_recorder", "vital_signs_monitor", "blood_analyser"}
    assert {device.site for device in known} == {"northside", "riverside", "fjord"}
    assert all(device.ward in devices.WARDS[device.site] for device in known)
    assert sum(len(json.dumps(asdict(device), default=str)) for device in known) > 50_000


def test_device_logs_are_many_in_order_and_of_every_status() -> None:
    logs = list(devices.device_logs())
    assert len(logs) >= 300
    assert logs == list(devices.device_logs())
    assert {log.status for log in logs} == {"Open", "Acknowledged", "Closed"}
    assert len({log.file_name for log in logs}) == len(logs)
    for log in logs:
        assert log.created_at <= log.updated_at
        assert list(log.lines) == sorted(log.lines)


def test_a_made_pdf_opens_and_says_what_it_was_told() -> None:
    content = documents.one_page_pdf("Visit (first)", ["Näme: \\ ok", "weight 70 kg"])
    assert content == documents.one_page_pdf("Visit (first)", ["Näme: \\ ok", "weight 70 kg"])
    document = pypdfium2.PdfDocument(content)
    try:
        assert len(document) == 1
        text = document[0].get_textpage().get_text_range().split("\r\n")
        assert [line for line in text if line] == ["Visit (first)", "Näme: \\ ok", "weight 70 kg"]
    finally:
        document.close()


def test_a_made_table_reads_back_with_its_gaps() -> None:
    content = documents.csv_table(("visit", "cd4", "cd8"), [("Week 96", 660, None), ("a, b", 1, 2)])
    assert list(csv.reader(io.StringIO(content.decode()))) == [
        ["visit", "cd4", "cd8"],
        ["Week 96", "660", ""],
        ["a, b", "1", "2"],
    ]


def test_a_page_that_would_overflow_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        documents.one_page_pdf("Long", ["line"] * (documents.LINES_A_PAGE + 1))


def test_a_missing_package_is_named_with_its_remedy() -> None:
    with pytest.raises(installed.SourceMissing, match=r"no_such_package/a\.csv .* requirements-demo\.txt"):
        installed.package_file("no_such_package", "a.csv")


def test_every_source_says_where_it_comes_from_and_under_which_licence() -> None:
    for source in provenance.PROVENANCE:
        assert all((source.name, source.package, source.licence))
        assert source.sentence.endswith(".")
