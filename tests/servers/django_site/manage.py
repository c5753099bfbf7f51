#!/usr/bin/python3
"""Django's command line for the test site: manage.py migrate, manage.py seed."""
import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
    execute_from_command_line(sys.argv)
