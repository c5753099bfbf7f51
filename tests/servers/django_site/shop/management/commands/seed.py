"""manage.py seed: the same 2,000 products in 20 categories every time."""
from django.core.management.base import BaseCommand

from shop.models import Category, Product


class Command(BaseCommand):
    def handle(self, *args, **options):
        Product.objects.all().delete()
        Category.objects.all().delete()
        categories = [Category.objects.create(name=f"Category {i}") for i in range(20)]
        Product.objects.bulk_create(
            Product(name=f"Product {i}", price_cents=100 + i * 7 % 9000, category=categories[i % 20])
            for i in range(2000)
        )
