"""The classic way that pinfo is measured against: cProfile around every request, one file each."""
import cProfile
import itertools
import os


_numbers = itertools.count()


class ProfileMiddleware:
    def __init__(self, get_response):
        self.get_response = get_response
        self.folder = os.environ["PINFO_SITE_PROFILE"]

    def __call__(self, request):
        profile = cProfile.Profile()
        response = profile.runcall(self.get_response, request)
        name = f"{os.getpid()}_{next(_numbers)}_{request.method}.stats"
        profile.dump_stats(os.path.join(self.folder, name))
        return response
