"""Chartroom's exports beside what one would type instead: ``make bench``. Nothing here is part of the application."""
