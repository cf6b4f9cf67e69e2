// zlib as Swift sees it: its initialisers are macros, which Swift cannot import.
#pragma once
#include <zlib.h>

// deflateInit2 for raw deflate (RFC 1951): windowBits is given positive, 9 to 15.
int hawser_deflate_init(z_stream *stream, int level, int windowBits, int memLevel);

// inflateInit2 for raw deflate: windowBits is given positive, 8 to 15.
int hawser_inflate_init(z_stream *stream, int windowBits);

// inflateReset2 for raw deflate: forgets the stream and takes another window size.
int hawser_inflate_reset(z_stream *stream, int windowBits);

// Goes on behind a block that was marked final, with the window as it stands (RFC 7692 §7.2.3.4).
int hawser_inflate_continue(z_stream *stream);

// Whether the last inflate() stopped exactly between two blocks.
int hawser_inflate_between_blocks(const z_stream *stream);
