/* Decodes JPEG files with libjpeg.
 *
 * libjpeg leaves its functions by longjmp where a file is wrong. `read_file` alone sets the place
 * to return to, owns no memory but libjpeg's, and calls nothing of Rust's: no frame of Rust is
 * jumped over, and what libjpeg has taken is given back on both ways out.
 */

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define JPEG_INTERNALS
#include <jpeglib.h>
#include <jerror.h>
#include <jdhuff.h>

/* Of mozjpeg and libjpeg-turbo, whose headers do not show it. */
extern int jsimd_can_idct_islow(void);

/* The same in jpeg.rs. */
struct lawn_jpeg_header {
  uint32_t width, height, components;
};

/* The same in jpeg.rs. */
struct lawn_jpeg_fault {
  /* Bytes of the file that had been read; -1 where that is not known. */
  int64_t offset;
  char text[JMSG_LENGTH_MAX];
};

/* The same in jpeg.rs: what is decoded, in pixels of the size that is decoded to. */
struct lawn_jpeg_part {
  uint32_t left, top, width, height;
  /* Eighths of the size of the image that it is decoded to. */
  uint32_t eighths;
  /* 0 where what is below the part need not be looked at. */
  uint32_t whole;
};

/* How both Huffman decoders of libjpeg begin (jdhuff.c, jdphuff.c). */
struct huffman {
  struct jpeg_entropy_decoder shared;
  bitread_perm_state bits;
};

struct errors {
  struct jpeg_error_mgr manager;
  /* libjpeg's own end of a scan. */
  void (*finish_scan)(j_decompress_ptr info);
  jmp_buf out;
  const uint8_t *bytes;
  size_t length;
  struct lawn_jpeg_fault *fault;
};

/* Where the file is read. Past its end libjpeg reads bytes of its own. */
static int64_t offset_of(const struct errors *errors, j_common_ptr info)
{
  if (!info->is_decompressor)
    return -1;
  const struct jpeg_source_mgr *source = ((j_decompress_ptr)info)->src;
  if (source == NULL || source->next_input_byte == NULL)
    return -1;
  uintptr_t at = (uintptr_t)source->next_input_byte, start = (uintptr_t)errors->bytes;
  if (at < start || at > start + errors->length)
    return (int64_t)errors->length;
  return (int64_t)(at - start);
}

static void fail(j_common_ptr info)
{
  struct errors *errors = (struct errors *)info->err;
  errors->fault->offset = errors->manager.msg_code == JWRN_JPEG_EOF
                              ? (int64_t)errors->length
                              : offset_of(errors, info);
  errors->manager.format_message(info, errors->fault->text);
  longjmp(errors->out, 1);
}

/* Whether the bytes that were passed over before a marker are padding, as some cameras write it. */
static int is_padding(const struct errors *errors, j_decompress_ptr info)
{
  int64_t end = offset_of(errors, (j_common_ptr)info);
  int64_t count = errors->manager.msg_parm.i[0];
  int marker = errors->manager.msg_parm.i[1];
  if (marker >= JPEG_RST0 && marker <= JPEG_RST0 + 7)
    return 0;
  if (end < count)
    return 0;
  for (int64_t at = end - count; at < end; at++)
    if (errors->bytes[at] != 0x00 && errors->bytes[at] != 0xFF)
      return 0;
  return 1;
}

/* What libjpeg goes on after, with made-up pixels, ends it here. */
static void warn(j_common_ptr info, int level)
{
  if (level >= 0)
    return;
  struct errors *errors = (struct errors *)info->err;
  switch (errors->manager.msg_code) {
  /* None of these changes a pixel. */
  case JWRN_ADOBE_XFORM:
  case JWRN_JFIF_MAJOR:
  case JWRN_NOT_SEQUENTIAL:
    return;
  case JWRN_EXTRANEOUS_DATA: {
    j_decompress_ptr decoder = (j_decompress_ptr)info;
    /* Between the segments of the header nothing is lost. */
    if (decoder->input_scan_number == 0 || is_padding(errors, decoder))
      return;
    break;
  }
  default:
    break;
  }
  fail(info);
}

/* libjpeg reads up to a word ahead, and forgets what is left of it at the end of a scan. Whole
 * bytes of it mean that the scan was not decoded as it was written. */
static void finish_scan(j_decompress_ptr info)
{
  struct errors *errors = (struct errors *)info->err;
  if (!info->arith_code) {
    const struct huffman *entropy = (const struct huffman *)info->entropy;
    int count = entropy->bits.bits_left / 8;
    for (int number = 0; number < count; number++) {
      int value = (int)(entropy->bits.get_buffer >> (8 * number)) & 0xFF;
      if (value != 0x00 && value != 0xFF) {
        errors->manager.msg_code = JWRN_EXTRANEOUS_DATA;
        errors->manager.msg_parm.i[0] = count;
        errors->manager.msg_parm.i[1] = info->unread_marker;
        fail((j_common_ptr)info);
      }
    }
  }
  errors->finish_scan(info);
}

static void watch_scans(j_decompress_ptr info)
{
  struct errors *errors = (struct errors *)info->err;
  errors->finish_scan = info->inputctl->finish_input_pass;
  info->inputctl->finish_input_pass = finish_scan;
}

/* What is done with a file whose header was read. */
typedef void (*work)(j_decompress_ptr info, struct errors *errors, void *request);

/* Reads the header and does the work. 0 where nothing is wrong with the file. */
static int read_file(const uint8_t *bytes, size_t length, struct lawn_jpeg_fault *fault, work work,
                     void *request)
{
  struct jpeg_decompress_struct info;
  struct errors errors;
  memset(&info, 0, sizeof info);
  info.err = jpeg_std_error(&errors.manager);
  errors.manager.error_exit = fail;
  errors.manager.emit_message = warn;
  errors.bytes = bytes;
  errors.length = length;
  errors.fault = fault;
  fault->offset = -1;
  fault->text[0] = 0;
  if (setjmp(errors.out)) {
    jpeg_destroy_decompress(&info);
    return 1;
  }
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, bytes, (unsigned long)length);
  jpeg_read_header(&info, TRUE);
  work(&info, &errors, request);
  jpeg_destroy_decompress(&info);
  return 0;
}

static void tell_size(j_decompress_ptr info, struct errors *errors, void *request)
{
  (void)errors;
  struct lawn_jpeg_header *header = request;
  header->width = info->image_width;
  header->height = info->image_height;
  header->components = (uint32_t)info->num_components;
}

/* Reads the size. 0 where the file is a JPEG. */
int lawn_jpeg_header(const uint8_t *bytes, size_t length, struct lawn_jpeg_header *header,
                     struct lawn_jpeg_fault *fault)
{
  return read_file(bytes, length, fault, tell_size, header);
}

/* One row of inverted CMYK as PIL makes it red, green and blue. */
static void cmyk_to_rgb(const uint8_t *from, uint8_t *to, uint32_t width)
{
  for (uint32_t x = 0; x < width; x++, from += 4, to += 3) {
    int light = from[3];
    for (int channel = 0; channel < 3; channel++) {
      int product = (255 - from[channel]) * light + 128;
      int value = light - ((product + (product >> 8)) >> 8);
      to[channel] = (uint8_t)(value < 0 ? 0 : value);
    }
  }
}

/* What a part is decoded to. */
struct decoding {
  const struct lawn_jpeg_part *part;
  uint8_t *out;
};

static void decode(j_decompress_ptr info, struct errors *errors, void *request)
{
  const struct decoding *decoding = request;
  const struct lawn_jpeg_part *part = decoding->part;
  int is_cmyk = info->num_components == 4;
  info->out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
  info->dct_method = JDCT_ISLOW;
  info->do_fancy_upsampling = TRUE;
  info->scale_num = part->eighths;
  info->scale_denom = 8;
  watch_scans(info);
  jpeg_start_decompress(info);
  if ((uint64_t)part->left + part->width > info->output_width ||
      (uint64_t)part->top + part->height > info->output_height) {
    snprintf(errors->fault->text, sizeof errors->fault->text, "the part is outside of the image");
    longjmp(errors->out, 1);
  }

  /* Chroma is interpolated across the edge of a block, so that one more on each side is read. */
  JDIMENSION left = 0, width = info->output_width;
  if (part->width < width) {
    JDIMENSION margin = (JDIMENSION)(2 * info->max_h_samp_factor * DCTSIZE);
    JDIMENSION right = part->left + part->width + margin;
    if (right > width)
      right = width;
    left = part->left > margin ? part->left - margin : 0;
    width = right - left;
    jpeg_crop_scanline(info, &left, &width);
  }
  JSAMPARRAY row = (*info->mem->alloc_sarray)((j_common_ptr)info, JPOOL_IMAGE,
                                              width * info->output_components, 1);
  if (part->top > 0)
    jpeg_skip_scanlines(info, part->top);
  size_t stride = (size_t)part->width * 3;
  for (uint32_t y = 0; y < part->height; y++) {
    uint8_t *to = decoding->out + y * stride;
    jpeg_read_scanlines(info, row, 1);
    const uint8_t *from = row[0] + (size_t)(part->left - left) * info->output_components;
    if (is_cmyk)
      cmyk_to_rgb(from, to, part->width);
    else
      memcpy(to, from, stride);
  }
  if (!part->whole)
    return;
  if (info->output_scanline < info->output_height)
    jpeg_skip_scanlines(info, info->output_height - info->output_scanline);
  jpeg_finish_decompress(info);
  for (int number = 0; number < info->num_components; number++) {
    if (info->comp_info[number].quant_table == NULL) {
      errors->fault->offset = offset_of(errors, (j_common_ptr)info);
      snprintf(errors->fault->text, sizeof errors->fault->text, "component %d is in no scan",
               number + 1);
      longjmp(errors->out, 1);
    }
  }
}

/* Decodes a part to `out`, [height, width, 3]. 0 where it is all there. The values are those of
 * the accurate integer transform with interpolated chroma, libjpeg's defaults. */
int lawn_jpeg_decode(const uint8_t *bytes, size_t length, const struct lawn_jpeg_part *part,
                     uint8_t *out, struct lawn_jpeg_fault *fault)
{
  struct decoding decoding = {part, out};
  return read_file(bytes, length, fault, decode, &decoding);
}

/* Whether libjpeg was built with its vector kernels, and the processor has what they need. */
int lawn_jpeg_is_vectorised(void)
{
  return jsimd_can_idct_islow();
}
