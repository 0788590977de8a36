"""The web process: ``gunicorn wsgi:app``."""

import os

from app import create_app
from config import Config

# Health data: what any process of ours writes is for its owner alone.
os.umask(0o077)
app = create_app(Config.from_env())
