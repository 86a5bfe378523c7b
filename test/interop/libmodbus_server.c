/* A Modbus server on libmodbus, an implementation in C that shares nothing with ours or with pymodbus: every type in
 * every order, laid out from the machine's own types.
 *
 *     libmodbus_server tcp | rtu DEVICE
 *
 * Prints one JSON line when it listens: its port, and for each value its unit, address, type, order and what it is.
 * Built by the test: gcc libmodbus_server.c -lmodbus */

#include <errno.h>
#include <inttypes.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/socket.h>

#define UNIT 17
static modbus_mapping_t *map;
static int next = 0, first = 1;

static void tell(const char *table, int at, const char *type, const char *order, const char *value) {
  printf("%s[%d,\"%s:%d\",\"%s\",\"%s\",\"%s\"]", first ? "" : ",", UNIT, table, at, type, order, value);
  first = 0;
}

/* Words of a value, most significant first, in one of the four orders; in both tables of registers. */
static void put(const uint16_t *words, int count, const char *type, const char *order, const char *value) {
  int last_first = order[0] == 'C' || order[0] == 'D' || order[0] == 'G' || order[0] == 'H';
  int swapped = order[0] == 'B' || order[0] == 'D' || order[0] == 'H';
  for (int i = 0; i < count; i++) {
    uint16_t word = words[last_first ? count - 1 - i : i];
    if (swapped) word = (uint16_t)(word << 8 | word >> 8);
    map->tab_registers[next + i] = word;
    map->tab_input_registers[next + i] = word;
  }
  tell("holding", next, type, order, value);
  tell("input", next, type, order, value);
  next += count;
}

static const char *FOUR[] = {"ABCD", "CDAB", "BADC", "DCBA"};
static const char *EIGHT[] = {"ABCDEFGH", "GHEFCDAB", "BADCFEHG", "HGFEDCBA"};

static void wide(uint64_t bits, int count, const char *type, const char *value) {
  uint16_t words[4];
  for (int i = 0; i < count; i++) words[i] = (uint16_t)(bits >> (16 * (count - 1 - i)));
  for (int i = 0; i < 4; i++) put(words, count, type, count == 4 ? EIGHT[i] : FOUR[i], value);
}

/* Not libmodbus' modbus_set_float_abcd and the like: 3.1.6 names the order of bytes in memory, where registers of a
 * little-endian machine lie swapped. */
static void real(float value) {
  char text[40];
  uint32_t bits;
  memcpy(&bits, &value, 4);
  snprintf(text, sizeof text, "%.9g", value);
  wide(bits, 2, "float32", text);
}

static void fill(void) {
  char text[40];
  const int64_t wholes[] = {0, 1, -1, 9007199254740991, -9007199254740993, INT64_MAX, INT64_MIN};
  const double reals[] = {0.1, -1.5e-300, 123456.789, 1.7976931348623157e308};
  const float floats[] = {12.31f, -0.0001f, 3.4028235e38f, 1e-40f, 16777217.0f};
  for (unsigned i = 0; i < sizeof wholes / sizeof *wholes; i++) {
    snprintf(text, sizeof text, "%" PRId64, wholes[i]);
    wide((uint64_t)wholes[i], 4, "int64", text);
    snprintf(text, sizeof text, "%" PRIu64, (uint64_t)wholes[i]);
    wide((uint64_t)wholes[i], 4, "uint64", text);
    snprintf(text, sizeof text, "%" PRId32, (int32_t)wholes[i]);
    wide((uint32_t)wholes[i], 2, "int32", text);
    snprintf(text, sizeof text, "%" PRIu32, (uint32_t)wholes[i]);
    wide((uint32_t)wholes[i], 2, "uint32", text);
    snprintf(text, sizeof text, "%" PRId16, (int16_t)wholes[i]);
    wide((uint16_t)wholes[i], 1, "int16", text);
    snprintf(text, sizeof text, "%" PRIu16, (uint16_t)wholes[i]);
    wide((uint16_t)wholes[i], 1, "uint16", text);
  }
  for (unsigned i = 0; i < sizeof reals / sizeof *reals; i++) {
    uint64_t bits;
    memcpy(&bits, &reals[i], 8);
    snprintf(text, sizeof text, "%.17g", reals[i]);
    wide(bits, 4, "float64", text);
  }
  for (unsigned i = 0; i < sizeof floats / sizeof *floats; i++) real(floats[i]);
  /* Every bit of one register, by libmodbus' own way to set bits. */
  for (int bit = 0; bit < 16; bit++) {
    char place[16];
    snprintf(place, sizeof place, "%d.%d", next, bit);
    printf(",[%d,\"holding:%s\",\"bool\",\"ABCD\",\"%s\"]", UNIT, place, 0xa55c >> bit & 1 ? "true" : "false");
  }
  map->tab_registers[next++] = 0xa55c;
  const uint8_t bytes[] = {0xcd, 0x6b, 0xb2, 0x0e, 0x1b};
  modbus_set_bits_from_bytes(map->tab_bits, 0, 37, bytes);
  modbus_set_bits_from_bytes(map->tab_input_bits, 0, 37, bytes);
  for (int i = 0; i < 37; i++) {
    tell("coil", i, "bool", "ABCD", bytes[i / 8] >> (i % 8) & 1 ? "true" : "false");
    tell("discrete", i, "bool", "ABCD", bytes[i / 8] >> (i % 8) & 1 ? "true" : "false");
  }
}

static int fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, modbus_strerror(errno));
  return 1;
}

int main(int argc, char **argv) {
  int rtu = argc > 2 && strcmp(argv[1], "rtu") == 0;
  modbus_t *modbus = rtu ? modbus_new_rtu(argv[2], 19200, 'N', 8, 1) : modbus_new_tcp("127.0.0.1", 0);
  map = modbus_mapping_new(64, 64, 1000, 1000);
  if (modbus == NULL || map == NULL) return fail("libmodbus");
  modbus_set_slave(modbus, UNIT);
  int listener = -1, port = 0;
  if (rtu) {
    if (modbus_connect(modbus) < 0) return fail(argv[2]);
  } else {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1)) return fail("listen");
    getsockname(listener, (struct sockaddr *)&address, &length);
    port = ntohs(address.sin_port);
  }
  printf("{\"port\":%d,\"values\":[", port);
  fill();
  printf("]}\n");
  fflush(stdout);

  uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
  for (;;) {
    if (!rtu && modbus_tcp_accept(modbus, &listener) < 0) return fail("accept");
    for (;;) {
      int length = modbus_receive(modbus, query);
      if (length > 0) modbus_reply(modbus, query, length, map);
      else if (length < 0 && !rtu) break;
    }
    modbus_close(modbus);
  }
}
