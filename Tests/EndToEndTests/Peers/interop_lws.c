// libwebsockets against `hawser echo`: as a client with a port, else as a server.
// Sends what interop_messages.py describes, compares the echoes, and reports in one JSON line.
//
// As a client it offers compression only with `deflate` behind the port, and then sends only what comes
// back compressed: a client that negotiated it is given uncompressed messages twice
// (https://github.com/warmcat/libwebsockets/issues/2794).
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZES = 12, TELEMETRY = 200, LARGEST = 1000000, PIECE = 8192 };
static const size_t sizes[SIZES] = {1,     125,   126,   127,   1000,   16383,
                                    16384, 16385, 65535, 65536, 200000, LARGEST};

static unsigned char *message;  // behind LWS_PRE bytes of room
static size_t length, sent, back;
static int is_text, number, writing, finished, close_code, echoed, only_compressed;

// Makes message `number`; 0 when all were sent.
static int make_message(void) {
  while (only_compressed && number < 2 * SIZES && (number % 2 == 0 || sizes[number / 2] < 125)) number++;
  if (number == 2 * SIZES + TELEMETRY) return 0;
  is_text = number >= 2 * SIZES || number % 2;
  if (number >= 2 * SIZES) {
    length = (size_t)sprintf((char *)message,
                             "[{\"bn\":\"pi-17/\",\"bt\":%d,\"n\":\"temperature\",\"u\":\"Cel\",\"v\":%d.%d}]",
                             1790000000 + number, 40 + rand() % 20, rand() % 10);
  } else {
    length = sizes[number / 2];
    for (size_t at = 0; at < length; at++)
      message[at] = is_text ? (unsigned char)("{\"n\":\"temperature\",\"v\":21.5},"[at % 29])
                            : (unsigned char)rand();
  }
  sent = back = 0;
  writing = 1;
  return 1;
}

static int fail(const char *what) {
  fprintf(stderr, "message %d of %zu bytes: %s\n", number, length, what);
  exit(1);
}

// Writes the next frame of the message; long ones go in several.
static int write_piece(struct lws *link) {
  size_t rest = length - sent, count = rest < PIECE ? rest : PIECE;
  // lws needs room in front of what it sends.
  static unsigned char frame[LWS_PRE + PIECE];
  memcpy(frame + LWS_PRE, message + sent, count);
  int kind = sent ? LWS_WRITE_CONTINUATION : is_text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY;
  if (count < rest) kind |= LWS_WRITE_NO_FIN;
  if (lws_write(link, frame + LWS_PRE, count, (enum lws_write_protocol)kind) < 0) return -1;
  sent += count;
  if (sent < length) lws_callback_on_writable(link); else writing = 0;
  return 0;
}

static int callback(struct lws *link, enum lws_callback_reasons reason, void *user, void *in,
                    size_t count) {
  (void)user;
  switch (reason) {
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
    case LWS_CALLBACK_ESTABLISHED:
      make_message();
      lws_callback_on_writable(link);
      break;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
    case LWS_CALLBACK_SERVER_WRITEABLE:
      if (writing) return write_piece(link);
      break;
    case LWS_CALLBACK_CLIENT_RECEIVE:
    case LWS_CALLBACK_RECEIVE:
      if (back + count > length || memcmp(message + back, in, count)) return fail("another came back");
      if (lws_frame_is_binary(link) == is_text) return fail("it came back with another type");
      back += count;
      if (!lws_is_final_fragment(link) || lws_remaining_packet_payload(link)) break;
      if (back < length) return fail("a part of it came back");
      number++;
      echoed++;
      if (make_message()) {
        lws_callback_on_writable(link);
      } else {
        lws_close_reason(link, LWS_CLOSE_STATUS_NORMAL, (unsigned char *)"done", 4);
        close_code = 1000;
        return -1;
      }
      break;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
      return fail(in ? (const char *)in : "no connection");
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_CLOSED:
      finished = 1;
      break;
    default: break;
  }
  return 0;
}

static const struct lws_protocols protocols[] = {{"echo", callback, 0, 0, 0, NULL, 0},
                                                 {NULL, NULL, 0, 0, 0, NULL, 0}};
static const struct lws_extension extensions[] = {
    {"permessage-deflate", lws_extension_callback_pm_deflate,
     "permessage-deflate; client_max_window_bits"},
    {NULL, NULL, NULL}};

int main(int argc, char **argv) {
  message = malloc(LARGEST + 256);
  lws_set_log_level(LLL_ERR, NULL);
  struct lws_context_creation_info info;
  memset(&info, 0, sizeof info);
  info.protocols = protocols;
  only_compressed = argc > 2;
  info.extensions = argc == 2 ? NULL : extensions;
  info.iface = argc > 1 ? NULL : "127.0.0.1";
  info.port = argc > 1 ? CONTEXT_PORT_NO_LISTEN : 0;
  info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
  struct lws_context *context = lws_create_context(&info);
  struct lws_vhost *vhost = context ? lws_create_vhost(context, &info) : NULL;
  if (!vhost) return fail("no context");
  if (argc > 1) {
    struct lws_client_connect_info client;
    memset(&client, 0, sizeof client);
    client.context = context;
    client.vhost = vhost;
    client.address = client.host = client.origin = "127.0.0.1";
    client.port = atoi(argv[1]);
    client.path = "/";
    client.local_protocol_name = "echo";
    if (!lws_client_connect_via_info(&client)) return fail("no connection");
  } else {
    printf("{\"port\": %d}\n", lws_get_vhost_listen_port(vhost));
    fflush(stdout);
  }
  while (!finished && lws_service(context, 0) >= 0) {}
  printf("{\"echoed\": %d, \"deflate\": %s, \"code\": %d}\n", echoed,
         info.extensions ? "\"offered\"" : "null", close_code);
  lws_context_destroy(context);
  return 0;
}
