"""A shop's catalogue: enough for pages that query, join and render."""
from django.db import models


class Category(models.Model):
    name = models.CharField(max_length=60)


class Product(models.Model):
    name = models.CharField(max_length=120)
    price_cents = models.IntegerField()
    category = models.ForeignKey(Category, on_delete=models.CASCADE)
