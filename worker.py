"""The worker process: an RQ worker around the same application. ``python worker.py``"""

from __future__ import annotations

import os

from rq.serializers import JSONSerializer

from app import create_app, jobqueue, jobs
from app.jobs.worker import ExportWorker
from config import Config


def main() -> None:
    """Listen to the bell until told to stop. One queue for a worker: with two, RQ may never notice a dead job."""
    os.umask(0o077)  # health data: for its owner alone
    app = create_app(Config.from_env())
    jobs.bind(app)
    connection = jobqueue.bell.connection(patient=True)
    queue = jobqueue.bell.queue(connection)
    worker = ExportWorker(
        [queue],
        connection=connection,
        serializer=JSONSerializer,
        worker_ttl=60,
        maintenance_interval=30,
        log_job_description=False,
    )
    worker.work(with_scheduler=False)


if __name__ == "__main__":
    main()
