create table orders (
    order_id text, customer_id text, ordered_at timestamptz, country text, region text, currency text check (currency <> 'XXX'),
    sku text, quantity integer, unit_price numeric(12, 2), total numeric(14, 2), vat numeric(16, 5), status text, note text
) tablespace :tablespace;
