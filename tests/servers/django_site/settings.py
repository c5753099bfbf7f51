"""The test site: Django as a small production site has it, on SQLite, with its usual middleware.

Environment: PINFO_SITE_DB is the database file; PINFO_SITE_PROFILE names a folder, and where it is
set every request is profiled inside by cProfile (what ./dev bench compares pinfo with).
"""
import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent

SECRET_KEY = "a test site on loopback has no secrets"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.sessions", "shop"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
if os.environ.get("PINFO_SITE_PROFILE"):
    MIDDLEWARE.insert(0, "profile_middleware.ProfileMiddleware")
ROOT_URLCONF = "urls"
WSGI_APPLICATION = "wsgi.application"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("PINFO_SITE_DB", str(BASE_DIR / "site.db")),
        "CONN_MAX_AGE": 600,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
# The 500 page raises on purpose; its traceback would only fill the terminal.
LOGGING = {"version": 1, "disable_existing_loggers": False, "loggers": {"django": {"level": "CRITICAL"}}}
