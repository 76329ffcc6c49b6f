-- The table that orders.yaml loads.
create table if not exists orders (
    order_id    text primary key,
    customer_id text not null,
    ordered_at  timestamptz not null,
    country     text not null,
    region      text not null,
    currency    text not null check (currency <> 'XXX'),
    sku         text not null,
    quantity    integer not null,
    unit_price  numeric(12, 2) not null,
    total       numeric(14, 2) not null,
    vat         numeric(16, 5) not null,
    status      text not null,
    note        text
);
