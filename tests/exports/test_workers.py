"""What a worker does once, so that no work horse has to do it for each bell."""

from __future__ import annotations

from tests.builder.children import run
from tests.services.valkey import Valkey

WORK = """
import sys
from redis import Redis
from rq.serializers import JSONSerializer
from app.jobs.worker import ExportWorker
from app.models import Export

print(Export.__mapper__.configured)
worker = ExportWorker(["nothing"], connection=Redis.from_url(sys.argv[1]), serializer=JSONSerializer)
worker.work(burst=True, logging_level="ERROR")
print(Export.__mapper__.configured)
"""


def test_the_models_are_settled_before_the_first_work_horse_is_forked(valkey: Valkey) -> None:
    assert run(WORK, valkey.url).stdout.split() == ["False", "True"]
