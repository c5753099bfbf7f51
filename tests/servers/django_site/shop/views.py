"""Pages whose cost is known: nothing, a query and a template, sleep, CPU, waits, and an exception."""
import hashlib
import socket
import threading
import time

from django.http import JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from .models import Product


def fast(request):
    return JsonResponse({"status": "ok"})


def product_list(request):
    products = Product.objects.select_related("category").order_by("price_cents", "id")[:50]
    return render(request, "list.html", {"products": products})


def product(request, number):
    found = Product.objects.filter(pk=number).values("name", "price_cents").first()
    return JsonResponse(found or {"error": "no such product"}, status=200 if found else 404)


def slow(request):
    time.sleep(int(request.GET.get("ms", "100")) / 1000)
    return JsonResponse({"slept": True})


def cpu(request):
    digest = b""
    for _ in range(int(request.GET.get("rounds", "30"))):
        digest = hashlib.pbkdf2_hmac("sha256", b"password", digest or b"salt", 1000)
    return JsonResponse({"digest": digest.hex()})


def burn_alpha(seconds):
    end = time.thread_time() + seconds
    value = 1
    while time.thread_time() < end:
        for _ in range(200):
            value = value * 3 % 1000003


def burn_beta(seconds):
    end = time.thread_time() + seconds
    value = 7
    while time.thread_time() < end:
        for _ in range(200):
            value = (value ^ 12345) % 1000003


def wait_for_timer(seconds):
    time.sleep(seconds)


def wait_for_lock(seconds):
    lock = threading.Lock()
    held = threading.Event()

    def hold():
        with lock:
            held.set()
            time.sleep(seconds)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    with lock:
        pass
    holder.join()


def wait_for_upstream(seconds):
    here, there = socket.socketpair()

    def answer():
        there.recv(1)
        time.sleep(seconds)
        there.send(b"!")

    upstream = threading.Thread(target=answer)
    upstream.start()
    here.send(b"?")
    here.recv(1)
    upstream.join()
    here.close()
    there.close()


def ready_ns():
    """How long this thread has been ready to run without a CPU, by the kernel's own account."""
    with open("/proc/thread-self/schedstat") as file:
        return int(file.read().split()[1])


def mix(request):
    """Each part for the given milliseconds; the answer says how many ns it took, and how many of these
    the thread was ready to run and had no CPU."""
    took = {}
    for name, work, clock in (("alpha", burn_alpha, time.thread_time_ns),
                              ("timer", wait_for_timer, time.monotonic_ns),
                              ("lock", wait_for_lock, time.monotonic_ns),
                              ("upstream", wait_for_upstream, time.monotonic_ns),
                              ("beta", burn_beta, time.thread_time_ns)):
        milliseconds = int(request.GET.get(name, "0"))
        ready = ready_ns()
        begin = clock()
        if milliseconds:
            work(milliseconds / 1000)
        took[name] = clock() - begin
        took[name + "_ready"] = ready_ns() - ready
    return JsonResponse(took)


def fail(request):
    raise RuntimeError("this page fails on purpose")


@csrf_exempt
def post(request):
    return JsonResponse({"bytes": len(request.body)}, status=201)
