"""How the web process is served; every setting that differs from gunicorn's own default says why."""

import os

bind = f"127.0.0.1:{os.environ.get('PORT', '8000')}"

# Threads: a page waits on the database and a download on the network, neither on the processor.
# Two processes: one that dies or recycles leaves the other answering.
worker_class = "gthread"
workers = 2
threads = 16

# Never preload: a connection opened before the fork would be shared by both processes.
preload_app = False

# Stopping lets short requests end; a long download is taken up again by its Range.
graceful_timeout = 5
timeout = 60

# The application alone decides which proxies it trusts (TRUSTED_PROXIES), so gunicorn
# does not turn a header into a scheme by itself.
forwarded_allow_ips = ""

# On a disk, a stalled write to the heartbeat file would kill a healthy process.
MEMORY = "/dev/shm"  # noqa: S108  gunicorn makes its files there unguessable and unlinks them
worker_tmp_dir = MEMORY if os.access(MEMORY, os.W_OK) else None

# No control socket: signals are enough, and two portals of one user would share it.
control_socket_disable = True
