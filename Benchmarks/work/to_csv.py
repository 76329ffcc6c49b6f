"""to_csv.py < orders > CSV: the orders of orders.c as CSV with a header. A tenth of the rows have a quoted email with a comma and
doubled quotes, a hundredth a quoted sku with a newline."""
import json
import sys

COLUMNS = ["order_id", "customer_id", "ts", "country", "currency", "sku", "quantity", "unit_price", "status", "email"]

print(",".join(COLUMNS))
for number, line in enumerate(sys.stdin):
    order = json.loads(line)
    order["unit_price"] = f"{order['unit_price']:.2f}"
    if number % 10 == 3:
        order["email"] = f'"Buyer, ""{order["customer_id"]}"" <{order["email"]}>"'
    if number % 100 == 57:
        order["sku"] = f'"{order["sku"]}\nspare part"'
    print(",".join(str(order[column]) for column in COLUMNS))
