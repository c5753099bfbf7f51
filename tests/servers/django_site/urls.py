"""The pages of the test site."""
from django.urls import path

from shop import views

urlpatterns = [
    path("fast", views.fast),
    path("list", views.product_list),
    path("product/<int:number>", views.product),
    path("slow", views.slow),
    path("cpu", views.cpu),
    path("mix", views.mix),
    path("fail", views.fail),
    path("post", views.post),
]
