"""Pages whose cost is known: nothing, a query and a template, sleep, CPU, and an exception."""
import hashlib
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


def fail(request):
    raise RuntimeError("this page fails on purpose")


@csrf_exempt
def post(request):
    return JsonResponse({"bytes": len(request.body)}, status=201)
