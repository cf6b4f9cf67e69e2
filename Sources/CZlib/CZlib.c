#include "CZlib.h"

int hawser_deflate_init(z_stream *stream, int level, int windowBits, int memLevel) {
  return deflateInit2(stream, level, Z_DEFLATED, -windowBits, memLevel, Z_DEFAULT_STRATEGY);
}

int hawser_inflate_init(z_stream *stream, int windowBits) {
  return inflateInit2(stream, -windowBits);
}

int hawser_inflate_reset(z_stream *stream, int windowBits) {
  return inflateReset2(stream, -windowBits);
}

int hawser_inflate_continue(z_stream *stream) {
  return inflateResetKeep(stream);
}

int hawser_inflate_between_blocks(const z_stream *stream) {
  return (stream->data_type & 128) != 0;
}
