// What Swift can't call of librdkafka: variadic functions and macros.
#ifndef CRDKAFKA_SHIM_H
#define CRDKAFKA_SHIM_H
#include <librdkafka/rdkafka.h>
#endif
