// Small inline C that Swift has no words for: byte scanning with SSE2 or NEON.
#ifndef CBYTES_H
#define CBYTES_H
#include <stddef.h>
#include <stdint.h>
#endif
